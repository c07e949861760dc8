//! The KPI definitions: parameterized views, each built on the previous ones.

/// Names and statements, in the order of creation.
pub(crate) const VIEWS: &[(&str, &str)] = &[
    (
        "kpi_activity",
        include_str!("../../views/01_kpi_activity.sql"),
    ),
    ("signups", include_str!("../../views/02_signups.sql")),
    (
        "kpi_signups",
        include_str!("../../views/03_kpi_signups.sql"),
    ),
    ("all_orders", include_str!("../../views/04_all_orders.sql")),
    ("orders", include_str!("../../views/05_orders.sql")),
    ("customers", include_str!("../../views/06_customers.sql")),
    ("kpi_orders", include_str!("../../views/07_kpi_orders.sql")),
    ("refunds", include_str!("../../views/08_refunds.sql")),
    ("payments", include_str!("../../views/09_payments.sql")),
    (
        "kpi_refunds",
        include_str!("../../views/10_kpi_refunds.sql"),
    ),
    ("kpi_money", include_str!("../../views/11_kpi_money.sql")),
    (
        "kpi_retention",
        include_str!("../../views/12_kpi_retention.sql"),
    ),
    ("kpi_nps", include_str!("../../views/13_kpi_nps.sql")),
    (
        "model_stages",
        include_str!("../../views/14_model_stages.sql"),
    ),
    ("stage_runs", include_str!("../../views/15_stage_runs.sql")),
    (
        "stage_stays",
        include_str!("../../views/16_stage_stays.sql"),
    ),
    (
        "stage_figures",
        include_str!("../../views/17_stage_figures.sql"),
    ),
    ("kpi_stages", include_str!("../../views/18_kpi_stages.sql")),
    (
        "kpi_transitions",
        include_str!("../../views/19_kpi_transitions.sql"),
    ),
    (
        "referral_links",
        include_str!("../../views/20_referral_links.sql"),
    ),
    (
        "actor_milestones",
        include_str!("../../views/21_actor_milestones.sql"),
    ),
    ("referrals", include_str!("../../views/22_referrals.sql")),
    (
        "invitations",
        include_str!("../../views/23_invitations.sql"),
    ),
    (
        "actor_stages",
        include_str!("../../views/24_actor_stages.sql"),
    ),
    (
        "journey_stages",
        include_str!("../../views/25_journey_stages.sql"),
    ),
    (
        "funnel_steps",
        include_str!("../../views/26_funnel_steps.sql"),
    ),
    ("kpi_funnel", include_str!("../../views/27_kpi_funnel.sql")),
    (
        "referral_loops",
        include_str!("../../views/28_referral_loops.sql"),
    ),
    (
        "counted_referrals",
        include_str!("../../views/29_counted_referrals.sql"),
    ),
    (
        "kpi_referrals",
        include_str!("../../views/30_kpi_referrals.sql"),
    ),
    (
        "unmapped_names",
        include_str!("../../views/31_unmapped_names.sql"),
    ),
    (
        "kpi_lifecycle",
        include_str!("../../views/32_kpi_lifecycle.sql"),
    ),
];
