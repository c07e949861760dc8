//! A short trial of the guarantee under faults, and proof that the checker notices violations.

use std::time::Duration;

use anyhow::Context;
use etappe_testkit::wait::{PATIENCE, until};
use etappe_tests::fleet::{Fleet, Sizes};
use etappe_tests::rig::by_role::ByRole;
use etappe_tests::rig::checker::{Database, Verdict, check_figures, check_stored};
use etappe_tests::rig::fault::{Fault, Lengths};
use etappe_tests::rig::on_one_machine::OnOneMachine;
use etappe_tests::rig::proxy::{Proxy, Treatment};
use etappe_tests::rig::sender::{SendPlan, Senders};
use etappe_tests::rig::switches::{SpoolFigures, SwitchWatch};
use etappe_tests::rig::trial::{self, Plan};
use tokio::time::Instant;

/// A trial short enough for every build, with the same faults in the same order each time; `make
/// faults` draws different ones.
fn short(seed: u64, faults: &[Fault]) -> Plan {
    Plan {
        seed,
        faults: faults.len(),
        kinds: Vec::new(),
        clients: 2,
        send: SendPlan {
            seed,
            batch: 20,
            messages: 10_000,
            rate: 100.0,
            repeats: 0.1,
        },
    }
}

const BRIEF: Lengths = Lengths {
    outage: Duration::from_secs(2),
    long: Duration::from_secs(10),
    frozen: Duration::from_secs(15),
    stay: Duration::from_secs(1),
};

#[tokio::test(flavor = "multi_thread")]
async fn no_fault_by_role_loses_or_duplicates_an_event() -> anyhow::Result<()> {
    let sizes = Sizes {
        brokers: 1,
        collectors: 2,
        classifiers: 2,
    };
    let plan = short(3, Fault::BY_ROLE);
    let fleet = ByRole::start(sizes, BRIEF).await?;
    let outcome = trial::run(plan, fleet, |line| eprintln!("{line}")).await?;
    eprintln!("{outcome}");
    assert!(outcome.verdict.is_clean(), "{outcome}");
    assert!(outcome.recoveries.len() >= 20);
    assert!(outcome.refused_for_content > 0 && outcome.unreadable > 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fault_on_one_machine_loses_or_duplicates_an_event() -> anyhow::Result<()> {
    let plan = short(4, Fault::ON_ONE_MACHINE);
    let up = OnOneMachine::beside_clickhouse(BRIEF).await?;
    let outcome = trial::run(plan, up, |line| eprintln!("{line}")).await?;
    eprintln!("{outcome}");
    assert!(outcome.verdict.is_clean(), "{outcome}");
    assert!(outcome.refused_for_content > 0 && outcome.unreadable > 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_failure_and_a_full_disk_lose_and_duplicate_no_event() -> anyhow::Result<()> {
    let plan = short(5, Fault::ON_A_SMALL_DISK);
    let up = OnOneMachine::on_a_small_disk(1 << 30, BRIEF).await?;
    let outcome = trial::run(plan, up, |line| eprintln!("{line}")).await?;
    eprintln!("{outcome}");
    assert!(outcome.verdict.is_clean(), "{outcome}");
    assert!(outcome.unreadable > 0);
    Ok(())
}

/// Sends to a new site through a proxy that breaks the pipeline, and returns the checker's verdict.
async fn sabotaged(
    (fleet, proxy): (&Fleet, &Proxy),
    site: &str,
    treatment: Treatment,
) -> anyhow::Result<Verdict> {
    let site = fleet.create_site(site, 0).await?;
    let plan = SendPlan {
        seed: 5,
        batch: 20,
        messages: 5_000,
        rate: 500.0,
        repeats: 0.0,
    };
    let senders = Senders::start(vec![site.clone()], plan);
    senders.reach(2_000, Duration::from_secs(60)).await?;
    let treated = proxy.treated();
    proxy.treat(treatment);
    until("four answers are treated", PATIENCE, async || {
        proxy.treated() >= treated + 4
    })
    .await;
    proxy.treat(Treatment::Pass);
    let acknowledged = senders.finish().await;
    site.settle_down().await?;
    let database = Database::of(fleet.clickhouse())?;
    let mut verdict = Verdict::default();
    let ledger = (&acknowledged, 5);
    check_figures(&site, ledger, &mut verdict).await?;
    check_stored(&database, &site, ledger, (&[], &mut verdict)).await?;
    Ok(verdict)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checker_detects_a_lost_a_duplicated_and_an_altered_event() -> anyhow::Result<()> {
    let sizes = Sizes {
        brokers: 1,
        collectors: 1,
        classifiers: 1,
    };
    let (fleet, proxy) = Fleet::start_for_faults(sizes).await?;
    // A classifier compares records received before its first two minutes are over with the tables,
    // and would repair a loss. The collector's clock is moved past those two minutes.
    let shim = fleet.collectors[0].shim().context("collectors have one")?;
    shim.move_clock(300)?;
    let parts = (&fleet, &proxy);
    let verdict = sabotaged(parts, "lose", Treatment::Lose).await?;
    assert!(verdict.lost > 0 && verdict.doubled == 0, "{verdict}");
    assert!(!verdict.holes.is_empty(), "{verdict}");
    let verdict = sabotaged(parts, "double", Treatment::Double).await?;
    assert!(verdict.doubled > 0 && verdict.lost == 0, "{verdict}");
    let verdict = sabotaged(parts, "alter", Treatment::Alter).await?;
    assert!(verdict.altered > 0 && verdict.lost == 0, "{verdict}");
    fleet.stop().await
}

fn figures(process: u32, failed: u64, is_spooling: bool) -> [SpoolFigures; 1] {
    let active = u8::from(is_spooling);
    let metrics = format!(
        "# HELP x y\netappe_log_spool_active {active}\n\
         etappe_log_spool_switches_total{{reason=\"failed\"}} {failed}\n"
    );
    let collector = ("collector-0".to_owned(), process);
    [SpoolFigures::parse(collector, &metrics)]
}

#[test]
fn the_checker_detects_a_switch_to_the_spool_without_a_broker_fault() {
    let begun = Instant::now();
    let at = |seconds| begun + Duration::from_secs(seconds);
    let mut watch = SwitchWatch::default();
    watch.note(None, &figures(1, 0, true), at(0));
    watch.note(Some(Fault::KillEngine), &figures(1, 0, false), at(1));
    watch.note(Some(Fault::KillBroker), &figures(1, 1, true), at(5));
    // Not over yet: it is still spooling, or was a moment ago.
    watch.note(Some(Fault::Slow), &figures(1, 2, true), at(16));
    watch.note(Some(Fault::Slow), &figures(1, 3, false), at(17));
    // A new process counts from 0.
    watch.note(Some(Fault::KillCollector), &figures(2, 0, false), at(18));
    assert_eq!(watch.unexplained(), [""; 0]);
    watch.note(Some(Fault::Slow), &figures(2, 2, true), at(19));
    let unexplained = watch.unexplained();
    assert_eq!(unexplained.len(), 1, "{unexplained:?}");
    assert!(unexplained[0].contains("collector-0 turned to its spool 2 times (failed)"));
}
