# /// script
# [tool.marimo.display]
# theme = "system"
# ///
"""Job health: a notebook, and what `jobledger dashboard` serves as a web page.

`marimo edit job_health.py -- --project DIR` opens it for changes; without the project it is that of
JOBLEDGER_PROJECT, else the present folder.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Job health", css_file="job_health.css")

with app.setup:
    import time

    import marimo as mo

    from jobledger.notebooks import charts, failures, page, pieces
    from jobledger.notebooks.asking import PERIODS, Filters, Published, failed_rows
    from jobledger.pipelines.errors import JobledgerError, line_and_code
    from jobledger.pipelines.project import Project


@app.function
def html(markup):
    """HTML to show; marimo wants a plain text of it."""
    return mo.Html(str(markup))


@app.function
def told(ask):
    """What the ledger answers; where it cannot, that is what the cell shows."""
    try:
        return ask()
    except JobledgerError as error:
        mo.stop(True, mo.callout(html(pieces.note(str(error))), kind="warn"))


@app.function
def choosable(rows, label, words, key, before):
    """One of the rows, or none: told apart by their words, and known again by their key.

    `before` holds the key of what was chosen: where that is still among the rows, it stays chosen.
    """

    def name(row):
        return tuple(row[column] for column in key)

    def keep(chosen):
        before[label] = chosen and name(chosen)

    options = {words(row): row for row in rows}
    same = (said for said, row in options.items() if name(row) == before.get(label))
    return mo.ui.dropdown(
        options,
        value=next(same, None),
        label=label,
        on_change=keep,
        allow_select_none=True,
        full_width=True,
    )


@app.cell
def _():
    # where the ledger is, and which publication of it stands there
    project = Project.find(mo.cli_args().get("project"))

    # a page that is closed takes the notebook's own names away, while its thread still asks
    def publication(path=project.warehouse):
        try:
            stat = path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    get_publication, set_publication = mo.state(publication())
    return get_publication, project, publication, set_publication


@app.cell
def _(publication, set_publication):
    # a sync replaces the file whole; what is shown follows within two seconds
    # what it uses is handed to it: a page that is closed takes the notebook's own names away
    def watch(seen, look, tell, thread, sleep):
        while not thread().should_exit:
            if (found := look()) != seen:
                seen = found
                tell(found)
            sleep(2)

    if mo.running_in_notebook():
        uses = (publication(), publication, set_publication, mo.current_thread, time.sleep)
        mo.Thread(target=watch, args=uses, daemon=True).start()
    return


@app.cell
def _(get_publication, project):
    get_publication()
    published = told(lambda: Published(project.warehouse))
    about = told(published.about)
    html(page.banner(about))
    return about, published


@app.cell
def _():
    # what was chosen, for when the filters are made anew for a new publication; at first that of
    # the address: ?source=zuora&period=7d
    chosen_before = {
        name: (said if isinstance(said, list) else [said])
        for name, said in mo.query_params().to_dict().items()
    }
    return (chosen_before,)


@app.cell
def _(chosen_before, published):
    def _filter(name, options):
        def keep(chosen):
            chosen_before[name] = chosen

        before = [each for each in chosen_before.get(name, []) if each in options]
        return mo.ui.multiselect(
            options, value=before, label=name.capitalize(), on_change=keep, full_width=True
        )

    def _keep_period(chosen):
        chosen_before["period"] = [chosen]

    _choices = told(published.choices)
    filters = mo.ui.dictionary({name: _filter(name, options) for name, options in _choices.items()})
    _names = {name: period for period, name in PERIODS.items()}
    _period = chosen_before.get("period", ["30d"])[0]
    _unknown = page.not_there(chosen_before, {**_choices, "period": list(PERIODS)})
    period = mo.ui.dropdown(
        _names,
        value=PERIODS.get(_period, PERIODS["30d"]),
        label="Period",
        on_change=_keep_period,
        allow_select_none=False,
        full_width=True,
    )
    mo.vstack(
        [
            mo.hstack([*filters.elements.values(), period], widths="equal", gap=1, wrap=True),
            html(pieces.note("Nothing selected in a filter means all.")),
            mo.callout(html(pieces.note(_unknown)), kind="warn") if _unknown else mo.md(""),
        ],
        gap=0,
    )
    return filters, period


@app.cell
def _(filters, period, published):
    _filters = Filters(
        sources=tuple(filters.value["source"]),
        providers=tuple(filters.value["provider"]),
        kinds=tuple(filters.value["kind"]),
        objects=tuple(filters.value["object"]),
        period=period.value,
    )
    chosen = told(lambda: published.choose(_filters))
    return (chosen,)


@app.cell
def _(chosen):
    totals, unfinished = told(chosen.totals), told(chosen.how_many_open)
    html(page.cards(totals, unfinished, chosen.filters.period))
    return totals, unfinished


@app.cell
def _(about, chosen):
    health = told(chosen.health)
    html(
        pieces.heading("Health", "Of a kind as a whole, whatever object and period are chosen.")
        + page.health(health, about["now"])
    )
    return (health,)


@app.cell
def _(chosen):
    outcomes = told(chosen.outcomes)
    mo.vstack(
        [
            html(pieces.heading("Outcomes per day", page.outcomes_key(chosen.filters.period))),
            charts.outcomes(outcomes) or html(pieces.note("No job ended in these days.")),
        ],
        gap=0,
    )
    return (outcomes,)


@app.cell
def _(chosen):
    rates = told(chosen.rates)
    html(pieces.heading("Success rates") + page.rates(rates, chosen.filters.period))
    return (rates,)


@app.cell
def _(chosen):
    trends = told(chosen.trends_by_kind)
    _since = min((rows[0]["day"] for rows in trends), default=None)
    mo.vstack(
        [
            html(pieces.heading("Failure rates", page.trend_key(len(trends), charts.RATES_SHOWN))),
            mo.hstack(
                [
                    mo.vstack(
                        [html(page.trend(rows)), charts.failure_rate(rows, _since, 290)], gap=0
                    )
                    for rows in trends[: charts.RATES_SHOWN]
                ],
                wrap=True,
                justify="start",
                gap=1,
            ),
            html(pieces.definitions("failure rate", "anomaly")),
        ],
        gap=0,
    )
    return (trends,)


@app.cell
def _(chosen):
    durations = told(chosen.durations)
    mo.vstack(
        [
            html(pieces.heading("Durations", page.DURATION_KEY)),
            charts.durations(durations) or html(pieces.note("Nothing tells how long it took.")),
            html(page.durations(durations, chosen.filters.period)),
        ],
        gap=0,
    )
    return (durations,)


@app.cell
def _(chosen, unfinished):
    html(pieces.heading("Open jobs") + page.open_jobs(told(chosen.open_jobs), unfinished["jobs"]))
    return


@app.cell
def _():
    # which reason and which job were chosen, likewise
    pointed_at = {}
    return (pointed_at,)


@app.cell
def _(chosen, pointed_at):
    reasons = told(chosen.reasons)
    chosen_reason = choosable(
        reasons, "Show the jobs of", failures.reason_words, failures.REASON, pointed_at
    )
    mo.vstack([html(pieces.heading("Why jobs fail") + failures.reasons(reasons)), chosen_reason])
    return chosen_reason, reasons


@app.cell
def _(chosen, chosen_reason, pointed_at):
    failed_jobs = told(lambda: chosen.failed_jobs(chosen_reason.value))
    chosen_job = choosable(
        failed_jobs, "Show one of them", failures.job_words, failures.JOB, pointed_at
    )
    mo.vstack([html(failures.failed_jobs(chosen_reason.value, failed_jobs)), chosen_job])
    return chosen_job, failed_jobs


@app.cell
def _():
    job_id = mo.ui.text(label="Or any job, by its id", full_width=True, debounce=True)
    job_id
    return (job_id,)


@app.cell
def _(chosen, chosen_job, job_id):
    _wanted = job_id.value.strip()
    _found = told(lambda: chosen.find(_wanted)) if _wanted else [chosen_job.value]
    key = _found[0] if _found else None
    job = told(lambda: chosen.job(key)) if key else None
    history = told(lambda: chosen.history(key)) if key else []
    html(failures.job(job, history) if job else failures.no_job(_wanted))
    return history, job, key


@app.cell
def _(job):
    ask = mo.ui.run_button(label="Ask the provider which rows failed", disabled=job is None)
    mo.vstack([html(failures.ON_DEMAND), ask])
    return (ask,)


@app.cell
def _(ask, key, project):
    mo.stop(not ask.value)
    try:
        with mo.status.spinner(title="Asking the provider"):
            _said, _is_whole = failed_rows(project, key)
        _shown = html(failures.failed_rows(_said, is_whole=_is_whole))
    except Exception as error:  # noqa: BLE001 - whatever it is, people read one line of it
        _shown = mo.callout(html(pieces.note(line_and_code(error)[0])), kind="warn")
    _shown
    return


if __name__ == "__main__":
    app.run()
