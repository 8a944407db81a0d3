"""What a select gives, for people and for programs: tables, files, exports."""
