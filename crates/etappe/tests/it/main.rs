//! Rules about the workspace that no compiler checks.

mod workspace_rules;
