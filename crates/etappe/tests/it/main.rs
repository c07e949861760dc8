//! Workspace rules that the compiler does not check.

mod workspace_rules;
