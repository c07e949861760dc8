//! The stages of outcomes: an event names its outcome, and the outcome its stage in every model.

use std::collections::{BTreeMap, HashMap};

use etappe_core::journey::HeldStage;
use etappe_core::ledger::OutcomeStage;

/// The stages of the outcomes that were looked up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcomes {
    /// Per outcome its stage in each model; an outcome without an entry was not looked up.
    stages: HashMap<u64, Vec<OutcomeStage>>,
}

impl Outcomes {
    /// Returns whether an outcome was looked up. Outcome 0 has no stages.
    pub(crate) fn know(&self, outcome: u64) -> bool {
        outcome == 0 || self.stages.contains_key(&outcome)
    }

    /// Takes the stages of outcomes that were looked up.
    pub(crate) fn add(&mut self, outcomes: &[u64], stages: Vec<OutcomeStage>) {
        for outcome in outcomes {
            self.stages.entry(*outcome).or_default();
        }
        for found in stages {
            self.stages.entry(found.outcome).or_default().push(found);
        }
    }

    /// Returns the main stage of an outcome in a model.
    pub(crate) fn stage(&self, outcome: u64, model: &str) -> Option<&str> {
        let mut stages = self.stages.get(&outcome)?.iter();
        let of_model = stages.find(|stage| stage.model == model)?;
        Some(&of_model.stage)
    }

    /// Returns the stages of a model that outcomes have, lowest first.
    pub(crate) fn stages(&self, model: &str) -> Vec<HeldStage> {
        let mut ordinals: BTreeMap<&str, u8> = BTreeMap::new();
        for found in self.stages.values().flatten() {
            if found.model == model {
                let ordinal = ordinals.entry(&found.stage).or_default();
                *ordinal = found.ordinal.max(*ordinal);
            }
        }
        let held = |(id, ordinal): (&str, u8)| HeldStage {
            id: id.to_owned(),
            ordinal,
        };
        let mut stages: Vec<HeldStage> = ordinals.into_iter().map(held).collect();
        stages.sort_by_key(|stage| stage.ordinal);
        stages
    }
}
