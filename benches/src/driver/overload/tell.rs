//! Turns the results of a run into figures.

use super::Overload;
use super::asking::Asking;
use super::check::Accounts;
use super::options::OverloadOptions;
use crate::driver::report::Figure;
use crate::load::report::per_second;

/// The minimum load, as a multiple of the machine's capacity.
const TIMES: f64 = 5.0;
/// The limit of the quiet site's latency, in milliseconds.
const QUIET_P99: f64 = 250.0;
/// The limit of the slowdown of the quiet site's cards, compared with no queries of the other site.
const CARDS_TIMES: f64 = 3.0;
const MIB: f64 = 1024.0 * 1024.0;

pub(super) fn figures(overload: &Overload) -> Vec<Figure> {
    let mut figures = flood(overload);
    figures.extend(quiet(overload));
    figures.extend(memory(overload));
    figures.extend(accounts("flooded site", overload.flood_accounts));
    figures.extend(accounts("other site", overload.quiet_accounts));
    figures.extend(asking(&overload.asking, &overload.options));
    figures
}

/// Returns the figures of the second half, in which one site queries as fast as it can.
fn asking(asking: &Asking, options: &OverloadOptions) -> Vec<Figure> {
    let (quiet, cards) = (
        asking.quiet_cards.summary(),
        asking.cards.questions.summary(),
    );
    let questions = asking.questions.summary();
    let refused: u64 = asking.events.errors.values().sum::<u64>() + asking.events.unsent_requests;
    vec![
        Figure::new("asking: questions answered", count(asking.answered), "questions").note(
            format!(
                "{} clients of one site, {} s, each the next one at once: p50 {:.0} ms, p99 {:.0} ms; {} refused",
                options.askers,
                options.ask_seconds,
                questions.p50_ms,
                questions.p99_ms,
                asking.refused
            ),
        ),
        Figure::new("asking: other site's events, p99", asking.events.latency.p99_ms, "ms")
            .at_most(QUIET_P99, QUIET_P99)
            .note(format!(
                "single events, open loop, of {}: p50 {:.1} ms; without questions p50 {:.1} ms, p99 {:.1} ms",
                asking.events.latency.count,
                asking.events.latency.p50_ms,
                asking.quiet_events.latency.p50_ms,
                asking.quiet_events.latency.p99_ms
            )),
        Figure::new("asking: other site's events refused", count(refused), "requests")
            .at_most(0.0, 0.0),
        Figure::new("asking: other site's cards, times quiet", cards.p50_ms / quiet.p50_ms, "×")
            .at_most(CARDS_TIMES, CARDS_TIMES)
            .note(format!(
                "medians of {} and {}: p50 {:.0} ms, p95 {:.0} ms; without questions p50 {:.0} ms, p95 {:.0} ms",
                cards.count, quiet.count, cards.p50_ms, cards.p95_ms, quiet.p50_ms, quiet.p95_ms
            )),
        Figure::new(
            "asking: other site's cards unanswered",
            count(asking.cards.unanswered),
            "questions",
        )
        .at_most(0.0, 0.0),
    ]
}

fn flood(overload: &Overload) -> Vec<Figure> {
    let flood = &overload.flood;
    let can = overload.can;
    let seconds = flood.elapsed_seconds + overload.drained.as_secs_f64();
    let through = per_second(flood.accepted_events, seconds);
    let refused: u64 = flood.errors.values().sum();
    let says_when = refused - flood.without_retry_after.min(refused);
    vec![
        Figure::new("flood: offered", flood.offered_per_second, "events/s").note(format!(
            "open loop, {} s, {} connections, batches of {}; {} requests were due and never sent",
            overload.options.seconds,
            flood.connections,
            flood.events_per_request,
            flood.unsent_requests
        )),
        Figure::new("what the machine can do", can, "events/s")
            .note("before the flood, from the first request until everything was stored"),
        Figure::new("flood: came through", through, "events/s")
            .note("from the first request until everything accepted was stored"),
        Figure::new(
            "flood: times what the machine can do",
            flood.offered_per_second / can,
            "×",
        )
        .at_least(TIMES, TIMES),
        Figure::new("flood: accepted", count(flood.accepted_events), "events").note(format!(
            "requests refused: {:?}; latency since due p50 {:.0} ms, p99 {:.0} ms",
            flood.errors, flood.latency.p50_ms, flood.latency.p99_ms
        )),
        Figure::new(
            "refusals that say when to come back",
            100.0 * count(says_when) / count(refused),
            "%",
        )
        .at_least(100.0, 100.0)
        .note(format!("{refused} refusals")),
        Figure::new(
            "stored after the flood's end",
            overload.drained.as_secs_f64(),
            "s",
        ),
    ]
}

fn quiet(overload: &Overload) -> Vec<Figure> {
    let (alone, quiet) = (&overload.alone, &overload.quiet);
    let questions = overload.watched.questions.summary();
    let refused: u64 = quiet.errors.values().sum::<u64>() + quiet.unsent_requests;
    vec![
        Figure::new("other site: p99", quiet.latency.p99_ms, "ms")
            .at_most(QUIET_P99, QUIET_P99)
            .note(format!(
                "single events, {} a second, open loop, of {}: p50 {:.1} ms, p95 {:.1} ms, max {:.0} ms; before the flood p50 {:.1} ms, p99 {:.1} ms",
                overload.options.quiet_rate,
                quiet.latency.count,
                quiet.latency.p50_ms,
                quiet.latency.p95_ms,
                quiet.latency.max_ms,
                alone.latency.p50_ms,
                alone.latency.p99_ms
            )),
        Figure::new("other site: refused", count(refused), "requests")
            .at_most(0.0, 0.0)
            .note(format!("{:?}", quiet.errors)),
        Figure::new("other site: KPI cards, p95", questions.p95_ms, "ms").note(format!(
            "one a second, {} answered (p50 {:.0} ms), {} not",
            questions.count, questions.p50_ms, overload.watched.unanswered
        )),
    ]
}

fn memory(overload: &Overload) -> Vec<Figure> {
    let series = overload.watched.memory.iter();
    let figures = series.map(|(role, bytes)| {
        let most = |part: &[u64]| count(part.iter().copied().max().unwrap_or(0)) / MIB;
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let bound = if role == "engine" { 4096.0 } else { 512.0 };
        Figure::new(format!("peak memory, {role}"), most(bytes), "MiB")
            .at_most(bound, bound)
            .note(format!(
                "first half of the flood {:.0}, second half {:.0}",
                most(first),
                most(second)
            ))
    });
    figures.collect()
}

fn accounts(site: &str, accounts: Accounts) -> Vec<Figure> {
    let none = |what: &str, value: u64| {
        Figure::new(format!("{site}: {what}"), count(value), "events").at_most(0.0, 0.0)
    };
    let differ = accounts.counted.abs_diff(accounts.stored);
    vec![
        none("acknowledged and lost", accounts.lost),
        none("counted twice", accounts.doubled),
        none("figures and messages differ", differ).note(format!(
            "{} events in the figures, {} messages stored",
            accounts.counted, accounts.stored
        )),
        Figure::new(
            format!("{site}: stored though refused"),
            count(accounts.beyond),
            "events",
        )
        .note(format!("{} events got no answer", accounts.unknown)),
    ]
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and bytes stay far below 2^53"
)]
fn count(value: u64) -> f64 {
    value as f64
}
