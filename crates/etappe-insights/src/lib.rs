//! The KPI API and the dashboard.
