//! A second definition of the figures, in the slow and obvious way over a list of events: no SQL,
//! no hashes, nothing shared with the warehouse.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use etappe_core::event::{EventKind, KeyScope};
use etappe_core::kpi::{
    KpiFigures, KpiScope, MoneyFigures, ReferralFigures, StageFigure, StageFigures,
    TransitionFigure, TransitionKind,
};
use etappe_core::milestone::Milestone;
use etappe_core::money::Amount;
use etappe_core::query::Bots;
use etappe_core::time::Timestamp;

use crate::fixture::{DAY, STAGES, TestEvent, stage_of};

/// Returns the events that count, ordered by time, then by arrival.
pub(crate) fn counted<'a>(events: &'a [TestEvent], scope: &KpiScope) -> Vec<&'a TestEvent> {
    let mut counted: Vec<&TestEvent> = events
        .iter()
        .filter(|event| event.site == scope.site.as_str() && !event.duplicate)
        .filter(|event| {
            matches!(
                event.kind,
                EventKind::Track | EventKind::Page | EventKind::Screen
            )
        })
        .filter(|event| match scope.bots {
            Bots::Exclude => event.bot.is_empty(),
            Bots::Include => true,
            Bots::Only => !event.bot.is_empty(),
        })
        .collect();
    counted.sort_by_key(|event| (event.at, event.partition, event.offset));
    counted
}

fn within(scope: &KpiScope, at: i64) -> bool {
    scope.range.from.as_millis() <= at && at < scope.range.to.as_millis()
}

/// Returns the events in order of trust: a server's, a browser's, a pixel's, each ordered by time,
/// then by arrival.
fn by_trust<'a>(events: &[&'a TestEvent]) -> Vec<&'a TestEvent> {
    let of = |scope| {
        events
            .iter()
            .copied()
            .filter(move |event| event.scope == scope)
    };
    of(KeyScope::Server)
        .chain(of(KeyScope::Browser))
        .chain(of(KeyScope::Pixel))
        .collect()
}

/// Returns the purchase that counts of every order: the first one from the most trusted source.
/// They are in order of time.
fn orders<'a>(events: &[&'a TestEvent]) -> Vec<&'a TestEvent> {
    let mut orders = told_orders(events);
    orders.retain(|order| !is_left_out(order, events));
    orders.sort_by_key(|event| (event.at, event.offset));
    orders
}

/// Returns the most informative purchase of every order: order events before page views.
fn told_orders<'a>(events: &[&'a TestEvent]) -> Vec<&'a TestEvent> {
    let purchases = without_reloads(events);
    let (views, sent): (Vec<_>, Vec<_>) =
        by_trust(&purchases).into_iter().partition(|e| e.is_view());
    let mut seen = HashSet::new();
    sent.into_iter()
        .chain(views)
        .filter(|event| seen.insert(event.order()))
        .collect()
}

/// Returns the purchases without reloads: page views without an order id that the same person had
/// already viewed in the previous 24 hours.
fn without_reloads<'a>(events: &[&'a TestEvent]) -> Vec<&'a TestEvent> {
    let mut last: HashMap<&str, i64> = HashMap::new();
    let mut kept = Vec::new();
    for event in events {
        if event.milestone != Some(Milestone::Purchase) {
            continue;
        }
        if event.is_view() && event.order_id.is_empty() && !event.actor().is_empty() {
            let before = last.insert(event.actor(), event.at);
            if before.is_some_and(|before| event.at - before <= DAY) {
                continue;
            }
        }
        kept.push(*event);
    }
    kept
}

/// Returns whether an order was only seen on a page, although the site sends order events at that
/// time.
fn is_left_out(order: &TestEvent, events: &[&TestEvent]) -> bool {
    let server_saw_it = events.iter().any(|event| {
        event.milestone == Some(Milestone::Purchase)
            && event.order() == order.order()
            && event.scope == KeyScope::Server
    });
    order.is_view()
        && events.iter().any(|event| {
            event.milestone == Some(Milestone::Purchase)
                && !event.is_view()
                && (event.scope == KeyScope::Server || !server_saw_it)
                && (event.at / DAY - order.at / DAY).abs() <= 30
        })
}

/// An order's revenue, and the part that was not refunded.
struct Account<'a> {
    order: &'a TestEvent,
    currency: String,
    left: i128,
}

/// The result of a refund or a cancellation.
struct Refund<'a> {
    at: i64,
    actor: &'a str,
    currency: String,
    /// Zero if it does not count.
    amount: i128,
}

fn currency_of(event: &TestEvent, scope: &KpiScope) -> String {
    if event.currency.is_empty() {
        scope.currency.clone()
    } else {
        event.currency.clone()
    }
}

/// Returns all refunds and cancellations, each with the amount that it returns.
fn refunds<'a>(events: &[&'a TestEvent], scope: &KpiScope) -> Vec<Refund<'a>> {
    let mut accounts: HashMap<&str, Account<'_>> = HashMap::new();
    for order in orders(events) {
        if !order.order_id.is_empty() {
            let account = Account {
                order,
                currency: currency_of(order, scope),
                left: order.revenue.unwrap_or_default().max(0),
            };
            accounts.insert(&order.order_id, account);
        }
    }
    let mut refunds = Vec::new();
    for event in by_trust(events) {
        let is_cancellation = event.milestone == Some(Milestone::OrderCancel);
        if !is_cancellation && event.milestone != Some(Milestone::Refund) {
            continue;
        }
        let is_believed = event.scope == KeyScope::Server || scope.browser_refunds;
        let mut refund = Refund {
            at: event.at,
            actor: event.actor(),
            currency: currency_of(event, scope),
            amount: 0,
        };
        if event.order_id.is_empty() {
            if is_believed && event.counts_money {
                refund.amount = event.revenue.unwrap_or_default().abs();
            }
        } else if let Some(account) = accounts.get_mut(event.order_id.as_str()) {
            let may_say = is_believed || account.order.scope != KeyScope::Server;
            let is_foreign = !event.currency.is_empty() && event.currency != account.currency;
            let wanted = match event.revenue {
                _ if !may_say || !event.counts_money => 0,
                _ if is_cancellation => account.left,
                _ if event.unread => 0,
                None => account.left,
                Some(_) if is_foreign => 0,
                Some(amount) => amount.abs(),
            };
            refund.amount = wanted.min(account.left);
            account.left -= refund.amount;
            refund.actor = account.order.actor();
            refund.currency.clone_from(&account.currency);
        }
        refunds.push(refund);
    }
    refunds
}

/// Returns each person's first event of a milestone.
fn firsts<'a>(events: &[&'a TestEvent], wanted: &[Milestone]) -> HashMap<&'a str, i64> {
    let mut firsts = HashMap::new();
    for event in events {
        if event
            .milestone
            .is_some_and(|milestone| wanted.contains(&milestone))
        {
            firsts.entry(event.actor()).or_insert(event.at);
        }
    }
    firsts.remove("");
    firsts
}

pub(crate) fn kpis(all: &[TestEvent], scope: &KpiScope) -> KpiFigures {
    let events = counted(all, scope);
    let in_range: Vec<&TestEvent> = events
        .iter()
        .copied()
        .filter(|event| within(scope, event.at))
        .collect();
    let mut figures = KpiFigures {
        events: in_range.len() as u64,
        unmapped_events: in_range
            .iter()
            .filter(|e| stage_of(e.milestone) == 0)
            .count() as u64,
        visitors: people(&in_range).len() as u64,
        ..KpiFigures::default()
    };
    for event in &in_range {
        if let (Some(score), false) = (event.nps, event.actor().is_empty()) {
            figures.nps_scores[usize::from(score)] += 1;
        }
    }
    activation(&events, scope, &mut figures);
    customers(&events, scope, &mut figures);
    money(&events, scope, &mut figures);
    retention(&events, scope, &mut figures);
    figures.referrals = referrals(all, scope);
    figures
}

fn people<'a>(events: &[&'a TestEvent]) -> BTreeSet<&'a str> {
    events
        .iter()
        .map(|event| event.actor())
        .filter(|actor| !actor.is_empty())
        .collect()
}

fn activation(events: &[&TestEvent], scope: &KpiScope, figures: &mut KpiFigures) {
    for (actor, signed_up) in firsts(events, &[Milestone::Signup]) {
        if !within(scope, signed_up) {
            continue;
        }
        figures.signups += 1;
        let deadline = signed_up + 14 * DAY;
        let activated = events.iter().any(|event| {
            event.actor() == actor
                && event.milestone == Some(Milestone::Activation)
                && (signed_up..=deadline).contains(&event.at)
        });
        let is_over = scope.as_of.as_millis() > deadline;
        figures.activated += u64::from(activated && is_over);
        figures.activation_eligible += u64::from(is_over);
    }
}

fn customers(events: &[&TestEvent], scope: &KpiScope, figures: &mut KpiFigures) {
    let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
    let mut first = BTreeMap::new();
    for order in told_orders(events) {
        if is_left_out(order, events) && within(scope, order.at) {
            figures.order_pages_left_out += 1;
        }
    }
    for order in orders(events) {
        first.entry(order.actor()).or_insert(order.at);
        if within(scope, order.at) {
            figures.orders += 1;
            *numbers.entry(order.actor()).or_default() += 1;
        }
    }
    numbers.remove("");
    first.remove("");
    figures.customers = numbers.len() as u64;
    figures.repeat_customers = numbers.values().filter(|number| **number >= 2).count() as u64;
    figures.customer_orders = numbers.values().sum();
    figures.new_customers = first.values().filter(|at| within(scope, **at)).count() as u64;
}

/// Orders, customers, revenue, gross and lifetime revenue in a currency.
type Sums<'a> = (u64, BTreeSet<&'a str>, i128, i128, i128);

fn money(events: &[&TestEvent], scope: &KpiScope, figures: &mut KpiFigures) {
    let mut newly = BTreeMap::new();
    let mut sums: BTreeMap<String, Sums<'_>> = BTreeMap::new();
    for order in orders(events) {
        newly
            .entry(order.actor())
            .or_insert(within(scope, order.at));
    }
    newly.remove("");
    let is_new = |actor: &str| newly.get(actor).copied().unwrap_or_default();
    for order in orders(events) {
        let Some(amount) = order.revenue else {
            continue;
        };
        let is_believed = order.scope == KeyScope::Server || scope.browser_refunds;
        let amount = if is_believed { amount } else { amount.max(0) };
        let currency = currency_of(order, scope);
        if within(scope, order.at) {
            let sum = sums.entry(currency.clone()).or_default();
            sum.0 += 1;
            sum.1.insert(order.actor());
            sum.2 += amount;
            sum.3 += amount;
        }
        if is_new(order.actor()) {
            sums.entry(currency).or_default().4 += amount;
        }
    }
    for refund in refunds(events, scope) {
        if within(scope, refund.at) {
            if refund.amount == 0 {
                figures.refunds_left_out += 1;
                continue;
            }
            figures.refunds += 1;
            sums.entry(refund.currency.clone()).or_default().2 -= refund.amount;
        }
        if refund.amount != 0 && is_new(refund.actor) {
            sums.entry(refund.currency).or_default().4 -= refund.amount;
        }
    }
    figures.money = sums
        .into_iter()
        .map(
            |(currency, (orders, mut customers, revenue, gross, lifetime))| {
                customers.remove("");
                MoneyFigures {
                    currency,
                    orders,
                    customers: customers.len() as u64,
                    revenue: Amount::from_scaled(revenue),
                    gross: Amount::from_scaled(gross),
                    lifetime_revenue: Amount::from_scaled(lifetime),
                }
            },
        )
        .collect();
}

fn retention(events: &[&TestEvent], scope: &KpiScope, figures: &mut KpiFigures) {
    let weeks =
        [scope.weeks.week, scope.weeks.next_week, scope.weeks.end].map(Timestamp::as_millis);
    let active = |from: i64, to: i64| -> BTreeSet<&str> {
        let some: Vec<&TestEvent> = events
            .iter()
            .copied()
            .filter(|event| (from..to).contains(&event.at))
            .collect();
        people(&some)
    };
    let (first, second) = (active(weeks[0], weeks[1]), active(weeks[1], weeks[2]));
    figures.retention_cohort = first.len() as u64;
    figures.retention_returned = first.intersection(&second).count() as u64;
}

/// A person's stays: stage, start, and end if there is one.
fn stays(events: &[&TestEvent], to: i64) -> BTreeMap<String, Vec<(usize, i64, Option<i64>)>> {
    let mut stays: BTreeMap<String, Vec<(usize, i64, Option<i64>)>> = BTreeMap::new();
    for event in events {
        let stage = stage_of(event.milestone);
        if stage == 0 || event.at >= to || event.actor().is_empty() {
            continue;
        }
        let own = stays.entry(event.actor().to_owned()).or_default();
        if own.last().is_some_and(|last| last.0 == stage) {
            continue;
        }
        if let Some(last) = own.last_mut() {
            last.2 = Some(event.at);
        }
        own.push((stage, event.at, None));
    }
    stays
}

pub(crate) fn stages(all: &[TestEvent], scope: &KpiScope) -> StageFigures {
    let events = counted(all, scope);
    let mut figures = StageFigures {
        stages: STAGES
            .iter()
            .map(|stage| StageFigure {
                stage: (*stage).to_owned(),
                ..StageFigure::default()
            })
            .collect(),
        ..StageFigures::default()
    };
    let mut moves: BTreeMap<(usize, usize, &str), u64> = BTreeMap::new();
    let mut dwells: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
    for own in stays(&events, scope.range.to.as_millis()).values() {
        for (number, (stage, start, end)) in own.iter().enumerate() {
            let figure = &mut figures.stages[stage - 1];
            if end.is_none() {
                figure.stock += 1;
                figure.open += 1;
            }
            if let Some(end) = end.filter(|end| within(scope, *end)) {
                figure.left += 1;
                dwells.entry(*stage).or_default().push(end - start);
            }
            if within(scope, *start) {
                figure.entered += 1;
                let before = number.checked_sub(1).map_or(0, |index| own[index].0);
                let held = own[..number].iter().any(|earlier| earlier.0 == *stage);
                *moves
                    .entry((before, *stage, kind_of(before, *stage, held)))
                    .or_default() += 1;
            }
        }
    }
    for (stage, lengths) in dwells {
        figures.stages[stage - 1].dwell_p50_s = Some(quantile(lengths.clone(), 0.5));
        figures.stages[stage - 1].dwell_p90_s = Some(quantile(lengths, 0.9));
    }
    figures.transitions = moves
        .into_iter()
        .map(|((from, to, kind), count)| TransitionFigure {
            from: from.checked_sub(1).map(|index| STAGES[index].to_owned()),
            to: STAGES[to - 1].to_owned(),
            kind: kinds().into_iter().find(|known| known.as_str() == kind),
            count,
        })
        .collect();
    let in_range = events.iter().filter(|event| within(scope, event.at));
    figures.events = in_range.clone().count() as u64;
    figures.unmapped = in_range
        .filter(|event| stage_of(event.milestone) == 0)
        .count() as u64;
    figures
}

fn kinds() -> [TransitionKind; 4] {
    [
        TransitionKind::Progress,
        TransitionKind::Skip,
        TransitionKind::Regress,
        TransitionKind::Revisit,
    ]
}

fn kind_of(from: usize, to: usize, held: bool) -> &'static str {
    match (from, held) {
        (0, _) => "",
        (_, true) => "revisit",
        _ if to > from + 1 => "skip",
        _ if to > from => "progress",
        _ => "regress",
    }
}

/// Returns a quantile in seconds, interpolated between neighbours.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]
pub(crate) fn quantile(mut lengths: Vec<i64>, share: f64) -> f64 {
    lengths.sort_unstable();
    let place = share * (lengths.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(lengths.len() - 1);
    let (low, high) = (
        lengths[below] as f64 / 1000.0,
        lengths[above] as f64 / 1000.0,
    );
    low + (high - low) * (place - below as f64)
}

/// Returns the inviter of each person, without loops and self-referrals.
fn inviters<'a>(events: &[&'a TestEvent]) -> BTreeMap<&'a str, &'a str> {
    let shows_code = |event: &TestEvent| {
        matches!(
            event.milestone,
            Some(Milestone::InviteSent | Milestone::Share)
        )
    };
    let events = by_trust(events);
    let mut owners: HashMap<&str, &str> = HashMap::new();
    for event in &events {
        if shows_code(event) && !event.code.is_empty() && !event.actor().is_empty() {
            owners.entry(&event.code).or_insert(event.actor());
        }
    }
    let mut links: BTreeMap<&str, &str> = BTreeMap::new();
    for event in &events {
        let inviter = if !event.inviter.is_empty() {
            Some(event.inviter.as_str())
        } else if shows_code(event) {
            None
        } else {
            owners.get(event.code.as_str()).copied()
        };
        let Some(inviter) = inviter.filter(|inviter| *inviter != event.actor()) else {
            continue;
        };
        if !event.actor().is_empty() {
            links.entry(event.actor()).or_insert(inviter);
        }
    }
    let on_loop: Vec<&str> = links
        .keys()
        .copied()
        .filter(|actor| returns_to(&links, actor))
        .collect();
    for actor in on_loop {
        links.remove(actor);
    }
    links
}

fn returns_to(links: &BTreeMap<&str, &str>, actor: &str) -> bool {
    let mut here = actor;
    for _ in 0..=links.len() {
        match links.get(here) {
            Some(above) if *above == actor => return true,
            Some(above) => here = above,
            None => return false,
        }
    }
    false
}

pub(crate) fn referrals(all: &[TestEvent], scope: &KpiScope) -> ReferralFigures {
    let events = counted(all, scope);
    let links = inviters(&events);
    let signups = firsts(&events, &[Milestone::Signup]);
    let activations = firsts(&events, &[Milestone::Activation]);
    let conversions = firsts(
        &events,
        &[
            Milestone::Signup,
            Milestone::Purchase,
            Milestone::InviteAccepted,
        ],
    );
    let buyers: BTreeSet<&str> = orders(&events)
        .into_iter()
        .filter(|order| within(scope, order.at))
        .map(TestEvent::actor)
        .filter(|actor| !actor.is_empty())
        .collect();
    let mut figures = ReferralFigures {
        active_actors: people(
            &events
                .iter()
                .copied()
                .filter(|event| within(scope, event.at))
                .collect::<Vec<_>>(),
        )
        .len() as u64,
        customers: buyers.len() as u64,
        ..ReferralFigures::default()
    };
    let mut cycles = Vec::new();
    let mut generations: BTreeMap<u32, u64> = BTreeMap::new();
    let mut advocates: BTreeMap<&str, u64> = BTreeMap::new();
    for (actor, inviter) in &links {
        let signed_up = signups.get(actor).is_some_and(|at| within(scope, *at));
        if signed_up || buyers.contains(actor) {
            figures.referred += 1;
            *generations.entry(generation(&links, actor)).or_default() += 1;
            *advocates.entry(inviter).or_default() += 1;
        }
        if let Some(at) = activations.get(actor).filter(|at| within(scope, **at)) {
            figures.referred_activated += 1;
            cycles.extend(activations.get(inviter).map(|theirs| at - theirs));
        }
    }
    figures.viral_cycle_p50_s = (!cycles.is_empty()).then(|| quantile(cycles, 0.5));
    figures.generations = generations.into_iter().collect();
    figures.advocates = advocates
        .into_iter()
        .map(|(id, n)| (id.to_owned(), n))
        .collect();
    figures
        .advocates
        .sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    figures.advocates.truncate(100);
    invitations(&events, &links, &conversions, scope, &mut figures);
    figures
}

fn generation(links: &BTreeMap<&str, &str>, actor: &str) -> u32 {
    let (mut here, mut count) = (actor, 0);
    while let Some(above) = links.get(here) {
        here = above;
        count += 1;
    }
    count
}

fn invitations(
    events: &[&TestEvent],
    links: &BTreeMap<&str, &str>,
    conversions: &HashMap<&str, i64>,
    scope: &KpiScope,
    figures: &mut ReferralFigures,
) {
    let sent: Vec<&TestEvent> = events
        .iter()
        .copied()
        .filter(|event| event.milestone == Some(Milestone::InviteSent))
        .filter(|event| event.at < scope.range.to.as_millis())
        .collect();
    let in_range: Vec<&TestEvent> = sent
        .iter()
        .copied()
        .filter(|event| within(scope, event.at))
        .collect();
    figures.invitations = in_range.len() as u64;
    figures.inviters = people(&in_range).len() as u64;
    let mut taken = vec![false; sent.len()];
    let mut conversions: Vec<(i64, &str)> = links
        .iter()
        .filter_map(|(actor, inviter)| Some((*conversions.get(actor)?, *inviter)))
        .collect();
    conversions.sort_unstable();
    for (at, inviter) in conversions {
        let fitting = (0..sent.len()).find(|index| {
            let age = at - sent[*index].at;
            !taken[*index] && sent[*index].actor() == inviter && (0..=30 * DAY).contains(&age)
        });
        if let Some(index) = fitting {
            taken[index] = true;
            figures.converted += u64::from(within(scope, sent[index].at));
        }
    }
}
