//! Imports the data sets with the command.

use std::path::Path;

use anyhow::{Context, ensure};
use etappe_testkit::process::EtappeProcess;
use tokio::time::Instant;

use super::bench::Bench;
use super::report::Figure;
use super::round::Rounds;
use crate::load::report::per_second;

/// A brief run skips larger files; in bytes.
const QUICK_LIMIT: u64 = 1_000_000;

/// Imports every file into a new site.
pub(crate) async fn run(bench: &Bench, etappe: &EtappeProcess) -> anyhow::Result<Vec<Figure>> {
    let mut files = bench.options.data_files();
    if bench.options.quick {
        files.retain(|file| {
            file.metadata()
                .is_ok_and(|metadata| metadata.len() <= QUICK_LIMIT)
        });
    }
    ensure!(
        !files.is_empty(),
        "no data sets in {}",
        bench.options.data_sets.display()
    );
    let site = format!("import-{:08x}", bench.nonce);
    etappe.create_keys(&site).await?;
    let (mut events, mut seconds, mut largest) = (0, 0.0, (0, 0.0));
    let mut rejected = 0;
    let mut imported = 0;
    let mut rounds = Rounds::new(u32::try_from(files.len())?);
    while let (Some(_), Some(file)) = (rounds.next(bench.seconds_left(), 1.0), files.get(imported))
    {
        imported += 1;
        let (accepted, refused, took) = import(etappe, &site, file).await?;
        events += accepted;
        rejected += refused;
        seconds += took;
        if accepted > largest.0 {
            largest = (accepted, took);
        }
    }
    Ok(vec![
        Figure::new(
            "import of all data sets",
            per_second(events, seconds),
            "events/s",
        )
        .at_least(5e4, 5e4)
        .note(format!(
            "{} files, {events} events, {rejected} rejected, {seconds:.1} s, start of the \
                 command included",
            files.len()
        )),
        Figure::new(
            "import of the largest data set",
            per_second(largest.0, largest.1),
            "events/s",
        )
        .note(format!("{} events in {:.1} s", largest.0, largest.1)),
    ])
}

async fn import(
    etappe: &EtappeProcess,
    site: &str,
    file: &Path,
) -> anyhow::Result<(u64, u64, f64)> {
    let path = file.to_str().context("a data set's path is not UTF-8")?;
    let started = Instant::now();
    let told = etappe.run("import", &["--site", site, path]).await?;
    let took = started.elapsed().as_secs_f64();
    let number = |name: &str| told[name].as_u64();
    let accepted = number("accepted").with_context(|| format!("import printed {told}"))?;
    Ok((accepted, number("rejected").unwrap_or(0), took))
}
