//! The figures of the KPI cards, from the `kpi_*` views.

use clickhouse::Row;
use etappe_core::journey::{KnownFigures, PeopleFigures, PeriodFigures, SalesFigures};
use etappe_core::kpi::{KpiFigures, KpiScope, MoneyFigures, ReferralFigures};
use etappe_core::money::Amount;
use serde::Deserialize;

use crate::error::WarehouseError;
use crate::query::Query;
use crate::warehouse::Warehouse;

const SITE_HAS_EVENTS: &str =
    "SELECT toUInt8(1) FROM stage_events WHERE site = {site:String} LIMIT 1";

const ACTIVITY: &str = "
SELECT visitors, events, unmapped_events
FROM kpi_activity(site = {site:String}, model = {model:String}, bots = {bots:String},
    from = {from:DateTime64(3, 'UTC')}, to = {to:DateTime64(3, 'UTC')})";

const SIGNUPS: &str = "
SELECT signups, activation_eligible, activated
FROM kpi_signups(site = {site:String}, bots = {bots:String}, as_of = {as_of:DateTime64(3, 'UTC')},
    from = {from:DateTime64(3, 'UTC')}, to = {to:DateTime64(3, 'UTC')})";

const ORDERS: &str = "
SELECT orders, customer_orders, customers, repeat_customers, new_customers, pages_left_out
FROM kpi_orders(site = {site:String}, bots = {bots:String},
    from = {from:DateTime64(3, 'UTC')}, to = {to:DateTime64(3, 'UTC')})";

const MONEY: &str = "
SELECT currency, orders, customers, toString(revenue) AS revenue, toString(gross) AS gross,
    toString(lifetime_revenue) AS lifetime_revenue
FROM kpi_money(site = {site:String}, bots = {bots:String}, currency = {currency:String},
    browser_refunds = {browser_refunds:String},
    from = {from:DateTime64(3, 'UTC')}, to = {to:DateTime64(3, 'UTC')})";

const REFUNDS: &str = "
SELECT sumIf(refunds, left_out = '') AS counted, sumIf(refunds, left_out != '') AS uncounted
FROM kpi_refunds(site = {site:String}, bots = {bots:String}, currency = {currency:String},
    browser_refunds = {browser_refunds:String},
    from = {from:DateTime64(3, 'UTC')}, to = {to:DateTime64(3, 'UTC')})";

const RETENTION: &str = "
SELECT retention_cohort, retention_returned
FROM kpi_retention(site = {site:String}, bots = {bots:String}, week = {week:DateTime64(3, 'UTC')},
    next_week = {next_week:DateTime64(3, 'UTC')}, end = {end:DateTime64(3, 'UTC')})";

const NPS: &str = "
SELECT score, answers
FROM kpi_nps(site = {site:String}, bots = {bots:String},
    from = {from:DateTime64(3, 'UTC')}, to = {to:DateTime64(3, 'UTC')})";

#[derive(Row, Deserialize)]
pub(crate) struct ActivityRow {
    pub(crate) visitors: u64,
    events: u64,
    unmapped_events: u64,
}

#[derive(Row, Deserialize)]
struct SignupRow {
    signups: u64,
    activation_eligible: u64,
    activated: u64,
}

#[derive(Row, Deserialize)]
pub(crate) struct OrderRow {
    orders: u64,
    customer_orders: u64,
    pub(crate) customers: u64,
    repeat_customers: u64,
    new_customers: u64,
    pages_left_out: u64,
}

#[derive(Row, Deserialize)]
struct MoneyRow {
    currency: String,
    orders: u64,
    customers: u64,
    revenue: String,
    gross: String,
    lifetime_revenue: String,
}

#[derive(Row, Deserialize)]
struct RefundRow {
    counted: u64,
    uncounted: u64,
}

#[derive(Row, Deserialize)]
struct RetentionRow {
    retention_cohort: u64,
    retention_returned: u64,
}

#[derive(Row, Deserialize)]
struct NpsRow {
    score: u8,
    answers: u64,
}

impl Warehouse {
    /// Reads all figures with concurrent queries, each of which is asked once.
    ///
    /// Each view costs the server tens of milliseconds before it reads a row, so a site without
    /// events is not asked about further.
    pub(crate) async fn read_kpi_figures(
        &self,
        scope: &KpiScope,
        known: KnownFigures,
    ) -> Result<KpiFigures, WarehouseError> {
        let first = self.site_query(&scope.site, "site_has_events", SITE_HAS_EVENTS);
        if !known.is_complete() && first.rows::<u8>().await?.is_empty() {
            return Ok(KpiFigures::default());
        }
        let people = async {
            match known.people {
                Some(known) => Ok(known),
                None => self.read_people(scope).await,
            }
        };
        let sales = async {
            match known.sales {
                Some(known) => Ok(known),
                None => self.read_sales(scope).await,
            }
        };
        let referrals = async {
            match known.referrals {
                Some(known) => Ok(known),
                None => self.read_referral_graph(scope).await,
            }
        };
        let nps = async {
            match known.nps_scores {
                Some(known) => Ok(known),
                None => self.read_nps(scope).await,
            }
        };
        let (people, sales, nps, referrals) = tokio::try_join!(people, sales, nps, referrals)?;
        let range = people.range;
        Ok(KpiFigures {
            visitors: range.visitors,
            signups: range.signups,
            activation_eligible: range.activation_eligible,
            activated: range.activated,
            customers: sales.customers,
            repeat_customers: sales.repeat_customers,
            customer_orders: sales.customer_orders,
            orders: sales.orders,
            refunds: sales.refunds,
            refunds_left_out: sales.refunds_left_out,
            order_pages_left_out: sales.pages_left_out,
            money: sales.money,
            new_customers: sales.new_customers,
            referrals: ReferralFigures {
                active_actors: range.visitors,
                customers: sales.customers,
                ..referrals
            },
            retention_cohort: people.retention_cohort,
            retention_returned: people.retention_returned,
            nps_scores: nps,
            events: range.events,
            unmapped_events: range.unmapped_events,
        })
    }

    async fn read_sales(&self, scope: &KpiScope) -> Result<SalesFigures, WarehouseError> {
        let (orders, refunds, money) = tokio::try_join!(
            self.read_orders(scope),
            self.scope_query("kpi_refunds", REFUNDS, scope)
                .row::<RefundRow>(),
            self.read_money(scope),
        )?;
        Ok(SalesFigures {
            orders: orders.orders,
            customer_orders: orders.customer_orders,
            customers: orders.customers,
            repeat_customers: orders.repeat_customers,
            new_customers: orders.new_customers,
            pages_left_out: orders.pages_left_out,
            refunds: refunds.counted,
            refunds_left_out: refunds.uncounted,
            money,
        })
    }

    async fn read_people(&self, scope: &KpiScope) -> Result<PeopleFigures, WarehouseError> {
        let (activity, signups, retention) = tokio::try_join!(
            self.read_activity(scope),
            self.scope_query("kpi_signups", SIGNUPS, scope)
                .row::<SignupRow>(),
            self.scope_query("kpi_retention", RETENTION, scope)
                .instant("week", scope.weeks.week)
                .instant("next_week", scope.weeks.next_week)
                .instant("end", scope.weeks.end)
                .row::<RetentionRow>(),
        )?;
        Ok(PeopleFigures {
            range: PeriodFigures {
                visitors: activity.visitors,
                events: activity.events,
                unmapped_events: activity.unmapped_events,
                signups: signups.signups,
                activation_eligible: signups.activation_eligible,
                activated: signups.activated,
            },
            retention_cohort: retention.retention_cohort,
            retention_returned: retention.retention_returned,
        })
    }

    /// Starts a query with all of a scope's parameters; unused ones are harmless.
    pub(crate) fn scope_query(&self, name: &'static str, sql: &str, scope: &KpiScope) -> Query {
        self.site_query(&scope.site, name, sql)
            .text("model", &scope.model)
            .text("currency", &scope.currency)
            .flag("browser_refunds", scope.browser_refunds)
            .instant("as_of", scope.as_of)
            .range(scope.range)
            .bots(scope.bots)
    }

    pub(crate) async fn read_activity(
        &self,
        scope: &KpiScope,
    ) -> Result<ActivityRow, WarehouseError> {
        self.scope_query("kpi_activity", ACTIVITY, scope)
            .row()
            .await
    }

    pub(crate) async fn read_orders(&self, scope: &KpiScope) -> Result<OrderRow, WarehouseError> {
        self.scope_query("kpi_orders", ORDERS, scope).row().await
    }

    async fn read_money(&self, scope: &KpiScope) -> Result<Vec<MoneyFigures>, WarehouseError> {
        let rows = self
            .scope_query("kpi_money", MONEY, scope)
            .rows::<MoneyRow>()
            .await?;
        let figures = rows.into_iter().map(|row| {
            Ok(MoneyFigures {
                revenue: exact_amount(&row.revenue)?,
                gross: exact_amount(&row.gross)?,
                lifetime_revenue: exact_amount(&row.lifetime_revenue)?,
                currency: row.currency,
                orders: row.orders,
                customers: row.customers,
            })
        });
        figures.collect()
    }

    async fn read_nps(&self, scope: &KpiScope) -> Result<[u64; 11], WarehouseError> {
        let mut scores = [0; 11];
        for row in self
            .scope_query("kpi_nps", NPS, scope)
            .rows::<NpsRow>()
            .await?
        {
            if let Some(count) = scores.get_mut(usize::from(row.score)) {
                *count = row.answers;
            }
        }
        Ok(scores)
    }
}

impl ActivityRow {
    /// Returns the number of events in the range, and of those without a stage.
    pub(crate) const fn events(&self) -> (u64, u64) {
        (self.events, self.unmapped_events)
    }
}

/// Parses a sum. A sum above 10^34 units is an error, because a clamped figure would be wrong.
fn exact_amount(text: &str) -> Result<Amount, WarehouseError> {
    Amount::parse_sum(text).ok_or_else(|| {
        WarehouseError::UnexpectedAnswer(format!("a sum of money is out of range: {text}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_out_of_range_is_an_error_and_is_never_clamped() {
        let amount = |text| exact_amount(text).ok().map(Amount::as_scaled);
        assert_eq!(amount("12.5"), Some(125_000));
        assert_eq!(amount("-135000000000000"), Some(-1_350_000_000_000_000_000));
        assert_eq!(amount("10000000000000000000000000000000000"), None);
    }
}
