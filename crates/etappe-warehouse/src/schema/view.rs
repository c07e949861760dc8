//! The KPI definitions: parameterized views, each built on the previous ones.

/// A view's name and its statement.
macro_rules! view {
    ($number:literal, $name:literal) => {
        (
            $name,
            include_str!(concat!("../../views/", $number, "_", $name, ".sql")),
        )
    };
}

/// Names and statements, in the order of creation.
pub(crate) const VIEWS: &[(&str, &str)] = &[
    view!("01", "kpi_activity"),
    view!("02", "signups"),
    view!("03", "kpi_signups"),
    view!("04", "all_orders"),
    view!("05", "orders"),
    view!("06", "customers"),
    view!("07", "kpi_orders"),
    view!("08", "refunds"),
    view!("09", "payments"),
    view!("10", "kpi_refunds"),
    view!("11", "kpi_money"),
    view!("12", "kpi_retention"),
    view!("13", "kpi_nps"),
    view!("14", "model_stages"),
    view!("15", "stage_runs"),
    view!("16", "stage_stays"),
    view!("17", "stage_figures"),
    view!("18", "kpi_stages"),
    view!("19", "kpi_transitions"),
    view!("20", "referral_links"),
    view!("21", "actor_milestones"),
    view!("22", "referrals"),
    view!("23", "invitations"),
    view!("24", "actor_stages"),
    view!("25", "journey_stages"),
    view!("26", "funnel_steps"),
    view!("27", "kpi_funnel"),
    view!("28", "referral_loops"),
    view!("29", "counted_referrals"),
    view!("30", "kpi_referrals"),
    view!("31", "unmapped_names"),
    view!("32", "kpi_lifecycle"),
    view!("33", "people"),
    view!("34", "last_events"),
    view!("35", "live_people"),
    view!("36", "live_events"),
    view!("37", "found_people"),
    view!("38", "people_names"),
    view!("39", "trend_activity"),
    view!("40", "trend_signups"),
    view!("41", "trend_orders"),
    view!("42", "trend_money"),
    view!("43", "trend_nps"),
    view!("44", "late_events"),
    view!("45", "name_neighbours"),
];
