//! Random journeys: small, dense and full of cases on which definitions disagree.

use etappe_core::event::{EventKind, KeyScope};
use etappe_core::milestone::Milestone;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::fixture::{DAY, TestEvent};

/// The first instant with events.
pub(crate) const START: i64 = 1_700_000_000_000;
/// How many days they last.
pub(crate) const DAYS: i64 = 90;

const MILESTONES: &[Option<Milestone>] = &[
    None,
    Some(Milestone::Impression),
    Some(Milestone::Visit),
    Some(Milestone::Visit),
    Some(Milestone::ContentView),
    Some(Milestone::Signup),
    Some(Milestone::Activation),
    Some(Milestone::Login),
    Some(Milestone::Purchase),
    Some(Milestone::Purchase),
    Some(Milestone::Refund),
    Some(Milestone::OrderCancel),
    Some(Milestone::InviteSent),
    Some(Milestone::InviteAccepted),
    Some(Milestone::Share),
];

/// Returns a new seed for each run; it is printed, so that a failure can be reproduced.
pub(crate) fn seed() -> u64 {
    let seed = rand::random();
    println!("seed {seed}");
    seed
}

/// Makes events of some people from a seed.
pub(crate) fn journeys(seed: u64, count: usize) -> Vec<TestEvent> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..count)
        .map(|number| event(&mut random, number))
        .collect()
}

fn event(random: &mut StdRng, number: usize) -> TestEvent {
    let actor = random.random_range(0..40);
    let milestone = MILESTONES[random.random_range(0..MILESTONES.len())];
    let mut event = TestEvent::of("", time(random), milestone);
    match random.random_range(0..20) {
        0 => {}
        1..5 => event.anonymous = format!("a{actor}"),
        5..10 => {
            event.user = format!("u{actor}");
            event.anonymous = format!("a{}", actor / 2);
        }
        _ => event.user = format!("u{actor}"),
    }
    if random.random_range(0..5) == 0 {
        event.account = format!("company {}", actor % 7);
    }
    if random.random_range(0..12) == 0 {
        event.bot = "crawler".to_owned();
    }
    if random.random_range(0..25) == 0 {
        event.duplicate = true;
    }
    if random.random_range(0..15) == 0 {
        event.site = "elsewhere";
    }
    event.kind = match random.random_range(0..20) {
        0 => EventKind::Identify,
        1..4 => EventKind::Page,
        4 => EventKind::Screen,
        _ => EventKind::Track,
    };
    event.scope = match random.random_range(0..10) {
        0..4 => KeyScope::Server,
        4..9 => KeyScope::Browser,
        _ => KeyScope::Pixel,
    };
    if random.random_range(0..10) == 0 {
        event.nps = Some(random.random_range(0..=10));
    }
    money(random, &mut event);
    referral(random, &mut event);
    event.properties = properties(random, number);
    event
}

/// Returns a time, often a coarse one, so that some times are equal.
fn time(random: &mut StdRng) -> i64 {
    let at = START + random.random_range(0..DAYS * DAY);
    if random.random_range(0..2) == 0 {
        at - at % DAY
    } else {
        at
    }
}

fn money(random: &mut StdRng, event: &mut TestEvent) {
    if !matches!(
        event.milestone,
        Some(Milestone::Purchase | Milestone::Refund | Milestone::OrderCancel)
    ) {
        return;
    }
    // Orders are larger than most refunds, so that several refunds fit into one order.
    let most = if event.milestone == Some(Milestone::Purchase) {
        2_000_000
    } else {
        900_000
    };
    match random.random_range(0..10) {
        0 => {}
        1 => event.unread = true,
        2 if event.scope == KeyScope::Pixel => event.counts_money = false,
        3 => event.revenue = Some(10_i128.pow(28) - random.random_range(1..3)),
        _ => event.revenue = Some(random.random_range(-20_000..most)),
    }
    event.currency = ["", "", "EUR", "EUR", "USD", "JPY"][random.random_range(0..6)].to_owned();
    if random.random_range(0..6) != 0 {
        event.order_id = format!("o{}", random.random_range(0..250));
    }
}

fn referral(random: &mut StdRng, event: &mut TestEvent) {
    let someone = random.random_range(0..40);
    match (event.milestone, random.random_range(0..30)) {
        (Some(Milestone::InviteSent | Milestone::Share), 0..20) => {
            event.code = format!("code{}", someone / 2);
        }
        (_, 0) => event.inviter = format!("u{someone}"),
        (_, 1) => event.code = format!("code{}", someone / 2),
        (_, 2) => {
            event.code = format!("code{someone}");
            event.inviter = format!("u{someone}");
        }
        _ => {}
    }
}

fn properties(random: &mut StdRng, number: usize) -> String {
    let plan = [
        "\"pro\"",
        "\"fr\\u0065e\"",
        "1",
        "1.0",
        "\"1\"",
        "true",
        "null",
    ];
    match random.random_range(0..8) {
        7 => "{}".to_owned(),
        index => format!(
            r#"{{"plan":{},"n":{number},"deep":{{"er":"x/{}"}}}}"#,
            plan[index],
            index % 2
        ),
    }
}
