//! Computes the KPIs from counts and sums. A KPI without a divisor is null, never zero.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use etappe_core::kpi::{KpiFigures, MoneyFigures};
use etappe_core::money::Amount;

use crate::questions::kpis::figure::Figure;
use crate::questions::referrals::{k_factor, k_observed};
use crate::rate::rate;

/// One KPI in one range.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measure {
    pub(crate) id: &'static str,
    pub(crate) unit: &'static str,
    /// The currency; only for money.
    pub(crate) currency: Option<String>,
    pub(crate) value: Option<Figure>,
    /// The underlying counts, by name.
    pub(crate) counts: BTreeMap<&'static str, Figure>,
    /// For a share: its numerator and denominator.
    pub(crate) share: Option<(u64, u64)>,
}

impl Measure {
    /// Returns whether both are of the same KPI and currency.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.id == other.id && self.currency == other.currency
    }

    fn new(id: &'static str, unit: &'static str, value: Option<Figure>) -> Self {
        Self {
            id,
            unit,
            currency: None,
            value,
            counts: BTreeMap::new(),
            share: None,
        }
    }

    fn count(id: &'static str, unit: &'static str, count: u64) -> Self {
        Self::new(id, unit, Some(Figure::Count(count))).with(id, count)
    }

    fn share(id: &'static str, part: (&'static str, u64), whole: (&'static str, u64)) -> Self {
        let value = rate(part.1, Some(whole.1)).map(Figure::Number);
        Self {
            share: Some((part.1, whole.1)),
            ..Self::new(id, "share", value)
                .with(part.0, part.1)
                .with(whole.0, whole.1)
        }
    }

    fn ratio(
        id: &'static str,
        unit: &'static str,
        part: (&'static str, u64),
        whole: (&'static str, u64),
    ) -> Self {
        let value = rate(part.1, Some(whole.1)).map(Figure::Number);
        Self::new(id, unit, value)
            .with(part.0, part.1)
            .with(whole.0, whole.1)
    }

    fn with(mut self, name: &'static str, count: u64) -> Self {
        self.counts.insert(name, Figure::Count(count));
        self
    }

    fn with_figure(mut self, name: &'static str, figure: Figure) -> Self {
        self.counts.insert(name, figure);
        self
    }

    fn in_currency(mut self, currency: &str) -> Self {
        self.currency = Some(currency.to_owned());
        self
    }
}

/// The currencies for which money is shown. Clients send arbitrary codes, so the number is limited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Currencies {
    shown: Vec<String>,
    has_others: bool,
}

impl Currencies {
    /// Chooses at most `limit` of the currencies that have money in either of two ranges: first the
    /// site's own, then those with the most orders in the present range, then in the previous one,
    /// then by code. If there is no money at all, only the site's own is shown.
    pub(crate) fn choose(
        present: &KpiFigures,
        previous: Option<&KpiFigures>,
        site_currency: &str,
        limit: usize,
    ) -> Self {
        let mut orders: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
        for (place, figures) in [Some(present), previous].into_iter().enumerate() {
            for money in figures.into_iter().flat_map(|figures| &figures.money) {
                orders.entry(&money.currency).or_default()[place] = money.orders;
            }
        }
        if orders.is_empty() {
            orders.insert(site_currency, [0, 0]);
        }
        let mut ranked: Vec<_> = orders.into_iter().collect();
        ranked.sort_by_key(|(code, orders)| (*code != site_currency, Reverse(*orders), *code));
        Self {
            has_others: ranked.len() > limit,
            shown: ranked
                .into_iter()
                .take(limit)
                .map(|(code, _)| code.to_owned())
                .collect(),
        }
    }
}

/// Returns every KPI; those about money appear once per shown currency.
pub(crate) fn measures(kpis: &KpiFigures, currencies: &Currencies) -> Vec<Measure> {
    let mut measures = vec![
        Measure::count("visitors", "actors", kpis.visitors),
        Measure::count("signups", "actors", kpis.signups),
        Measure::share(
            "activation_rate",
            ("activated", kpis.activated),
            ("eligible_signups", kpis.activation_eligible),
        )
        .with("signups", kpis.signups),
        Measure::count("customers", "actors", kpis.customers),
        Measure::count("orders", "orders", kpis.orders)
            .with("refunds", kpis.refunds)
            .with("refunds_left_out", kpis.refunds_left_out)
            .with("order_pages_left_out", kpis.order_pages_left_out),
    ];
    measures.extend(money_measures(kpis, currencies));
    measures.extend(referral_measures(kpis));
    measures.push(Measure::share(
        "retention_rate",
        ("returned", kpis.retention_returned),
        ("cohort", kpis.retention_cohort),
    ));
    measures.push(nps(&kpis.nps_scores));
    measures.push(Measure::share(
        "unmapped_share",
        ("unmapped_events", kpis.unmapped_events),
        ("events", kpis.events),
    ));
    measures
}

/// Returns the KPIs between orders and referrals, in display order.
fn money_measures(kpis: &KpiFigures, currencies: &Currencies) -> Vec<Measure> {
    let mut columns: [Vec<Measure>; 4] = Default::default();
    for currency in &currencies.shown {
        let nothing = MoneyFigures {
            currency: currency.clone(),
            orders: 0,
            customers: 0,
            revenue: Amount::default(),
            gross: Amount::default(),
            lifetime_revenue: Amount::default(),
        };
        let money = kpis.money.iter().find(|money| money.currency == *currency);
        let measures = per_currency(money.unwrap_or(&nothing), kpis.new_customers);
        for (column, measure) in columns.iter_mut().zip(measures) {
            column.push(measure);
        }
    }
    let [revenue, order_value, per_customer, lifetime] = columns;
    let between = [
        Measure::ratio(
            "purchases_per_customer",
            "orders_per_customer",
            ("orders", kpis.customer_orders),
            ("customers", kpis.customers),
        ),
        Measure::share(
            "repeat_rate",
            ("repeat_customers", kpis.repeat_customers),
            ("customers", kpis.customers),
        ),
    ];
    [
        revenue,
        between.to_vec(),
        order_value,
        per_customer,
        lifetime,
        Vec::from_iter(
            currencies
                .has_others
                .then(|| other_currencies(kpis, currencies)),
        ),
    ]
    .concat()
}

/// Returns how many currencies are not shown, and how many orders they have.
fn other_currencies(kpis: &KpiFigures, currencies: &Currencies) -> Measure {
    let is_other = |money: &&MoneyFigures| !currencies.shown.contains(&money.currency);
    let others = || kpis.money.iter().filter(is_other);
    let count = u64::try_from(others().count()).unwrap_or(u64::MAX);
    Measure::count("other_currencies", "currencies", count)
        .with("orders", others().map(|money| money.orders).sum())
}

fn per_currency(money: &MoneyFigures, new_customers: u64) -> [Measure; 4] {
    let measure = |id, value| Measure::new(id, "money", value).in_currency(&money.currency);
    [
        measure("revenue", Some(Figure::Money(money.revenue)))
            .with("orders", money.orders)
            .with("customers", money.customers),
        measure(
            "average_order_value",
            Figure::share(money.gross, money.orders),
        )
        .with_figure("order_amounts", Figure::Money(money.gross))
        .with("orders", money.orders),
        measure(
            "revenue_per_customer",
            Figure::share(money.revenue, money.customers),
        )
        .with_figure("revenue", Figure::Money(money.revenue))
        .with("customers", money.customers),
        measure(
            "lifetime_value",
            Figure::share(money.lifetime_revenue, new_customers),
        )
        .with_figure("revenue_to_date", Figure::Money(money.lifetime_revenue))
        .with("new_customers", new_customers),
    ]
}

fn referral_measures(kpis: &KpiFigures) -> [Measure; 4] {
    let referrals = &kpis.referrals;
    let cycle = referrals.viral_cycle_p50_s.map(Figure::Number);
    [
        Measure::ratio(
            "referrals_per_customer",
            "actors_per_customer",
            ("referred", referrals.referred),
            ("customers", kpis.customers),
        ),
        Measure::new(
            "k_factor",
            "actors_per_actor",
            k_factor(referrals).map(Figure::Number),
        )
        .with("invitations", referrals.invitations)
        .with("active_actors", referrals.active_actors)
        .with("converted", referrals.converted),
        Measure::new(
            "k_observed",
            "actors_per_actor",
            k_observed(referrals).map(Figure::Number),
        )
        .with("referred_activated", referrals.referred_activated)
        .with("active_actors", referrals.active_actors),
        Measure::new("viral_cycle_time_s", "seconds", cycle)
            .with("referred_activated", referrals.referred_activated),
    ]
}

/// Share of promoters (9 and 10) minus share of detractors (0 to 6), times 100.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn nps(scores: &[u64; 11]) -> Measure {
    let sum = |scores: &[u64]| scores.iter().sum::<u64>();
    let (detractors, passives, promoters) =
        (sum(&scores[..7]), sum(&scores[7..9]), sum(&scores[9..]));
    let answers = detractors + passives + promoters;
    let value = (answers > 0)
        .then(|| Figure::Number(100.0 * (promoters as f64 - detractors as f64) / answers as f64));
    Measure::new("nps", "score", value)
        .with("promoters", promoters)
        .with("passives", passives)
        .with("detractors", detractors)
        .with("answers", answers)
}
