//! A journey store that holds plain events and scans all of them for every question.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use etappe_core::event::EventKind;
use etappe_core::id::{SiteId, hash64};
use etappe_core::journey::{KnownFigures, ReferralRow, SaleRow, ScoreRow};
use etappe_core::kpi::{
    ActorCursor, ActorEvent, ActorEventStage, ActorPage, ActorPageQuery, KpiFigures, KpiScope,
    ReferralFigures, StageFigures,
};
use etappe_core::milestone::Milestone;
use etappe_core::ports::{Cost, JourneyStore, RetryClass, Retryable};
use etappe_core::query::{
    Bots, CandidateQuery, Condition, Dimension, Hit, NameKind, PropertyCondition, PropertyTest,
    Selector, Unit, ViewQuery,
};
use etappe_core::time::Timestamp;
use etappe_core::unmapped::{UnmappedName, UnmappedNames, UnmappedQuery, WhyUnmapped};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An event as it was stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredEvent {
    pub(crate) site: &'static str,
    pub(crate) actor: String,
    pub(crate) account: Option<&'static str>,
    pub(crate) name: &'static str,
    pub(crate) at: Timestamp,
    pub(crate) milestone: Option<Milestone>,
    /// Model and stage.
    pub(crate) stages: Vec<(&'static str, &'static str)>,
    pub(crate) properties: Value,
    pub(crate) channel: &'static str,
    pub(crate) is_bot: bool,
}

/// The store.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    pub(crate) events: Vec<StoredEvent>,
    /// Figures by the start of their range in milliseconds.
    pub(crate) kpis: BTreeMap<i64, KpiFigures>,
    pub(crate) referrals: BTreeMap<i64, ReferralFigures>,
    pub(crate) stages: StageFigures,
    /// The error that every question returns, if any.
    pub(crate) failure: Option<RetryClass>,
    /// The cost that a failed question exceeded.
    pub(crate) exhausted: Option<Cost>,
    /// Whether questions never finish.
    pub(crate) is_stuck: bool,
    /// How many times names were queried.
    pub(crate) name_questions: AtomicU64,
    /// How many units were visited.
    pub(crate) units_visited: AtomicU64,
    /// The scopes of all questions about figures.
    pub(crate) scopes: Mutex<Vec<KpiScope>>,
    /// The rows of the view `live_events`, oldest first.
    pub(crate) arrivals: Mutex<Vec<Value>>,
    /// How many times they were looked at.
    pub(crate) looks: AtomicU64,
}

/// The store's only error.
#[derive(Debug, thiserror::Error)]
#[error("secret detail of the store")]
pub(crate) struct StoreError(RetryClass, Option<Cost>);

impl Retryable for StoreError {
    fn retry_class(&self) -> RetryClass {
        self.0
    }

    fn exhausted(&self) -> Option<Cost> {
        self.1
    }
}

impl MemoryStore {
    async fn ready(&self) -> Result<(), StoreError> {
        if self.is_stuck {
            std::future::pending::<()>().await;
        }
        self.failure
            .map_or(Ok(()), |class| Err(StoreError(class, self.exhausted)))
    }

    pub(crate) fn matching<'a>(
        &'a self,
        site: &'a SiteId,
        bots: Bots,
    ) -> impl Iterator<Item = (usize, &'a StoredEvent)> {
        self.events.iter().enumerate().filter(move |(_, event)| {
            let wanted = match bots {
                Bots::Exclude => !event.is_bot,
                Bots::Include => true,
                Bots::Only => event.is_bot,
            };
            wanted && event.site == site.as_str()
        })
    }

    /// Returns the id of the visit that an event belongs to, derived from the visit's first event.
    fn session_of(&self, event: &StoredEvent) -> String {
        let before = self.events.iter().filter(|other| {
            let gap = event.at.millis_since(other.at);
            other.actor == event.actor && other.site == event.site && (1..=1_800_000).contains(&gap)
        });
        match before.min_by_key(|other| other.at) {
            Some(earlier) => self.session_of(earlier),
            None => format!("{} {}", event.actor, event.at),
        }
    }

    fn note(&self, scope: &KpiScope) {
        self.scopes.lock().push(scope.clone());
    }
}

fn holds(event: &StoredEvent, condition: &Condition) -> bool {
    let selected = match &condition.selector {
        Selector::Any => true,
        Selector::Event(name) => event.name == name,
        Selector::Milestone(milestone) => event.milestone == Some(*milestone),
        Selector::Stage { model, stage } => {
            event.stages.iter().any(|(m, s)| m == model && s == stage)
        }
    };
    selected
        && condition
            .properties
            .iter()
            .all(|property| has(event, property))
}

fn has(event: &StoredEvent, condition: &PropertyCondition) -> bool {
    let found = property(event, &condition.path);
    match &condition.test {
        PropertyTest::Absent => found.is_none(),
        PropertyTest::Present => found.is_some(),
        PropertyTest::Null => found == Some(&Value::Null),
        PropertyTest::Is(_) => {
            found.is_some_and(|found| PropertyTest::of(found).as_ref() == Some(&condition.test))
        }
    }
}

fn property<'a>(event: &'a StoredEvent, path: &str) -> Option<&'a Value> {
    let name = path.strip_prefix("properties.").unwrap_or(path);
    event.properties.get(name)
}

fn dimension(event: &StoredEvent, dimension: &Dimension) -> Option<String> {
    match dimension {
        Dimension::Channel => Some(event.channel.to_owned()).filter(|channel| !channel.is_empty()),
        Dimension::Property(path) => match property(event, path) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Null) | None => None,
            Some(other) => Some(other.to_string()),
        },
        Dimension::Campaign
        | Dimension::Persona
        | Dimension::Touchpoint
        | Dimension::Device
        | Dimension::Country => None,
    }
}

impl JourneyStore for MemoryStore {
    type Error = StoreError;

    async fn candidates<B: Send>(
        &self,
        query: &CandidateQuery,
        mut visit: impl FnMut(u64, &[Hit]) -> ControlFlow<B> + Send,
    ) -> Result<ControlFlow<B>, StoreError> {
        self.ready().await?;
        let mut units: BTreeMap<String, Vec<(Timestamp, usize, Hit)>> = BTreeMap::new();
        for (arrival, event) in self.matching(&query.site, query.bots) {
            let unit = match query.unit {
                Unit::Actor => Some(event.actor.clone()),
                Unit::Account => event.account.map(str::to_owned),
                Unit::Session => Some(self.session_of(event)),
            };
            let in_time = event.at >= query.from && query.until.is_none_or(|end| event.at < end);
            let (Some(unit), true) = (unit, in_time) else {
                continue;
            };
            let bits = query.conditions.iter().enumerate();
            let conditions = bits
                .filter(|(_, condition)| holds(event, condition))
                .fold(0, |mask, (bit, _)| mask | 1 << bit);
            if conditions == 0 && !query.include_others {
                continue;
            }
            let dimensions = query
                .dimensions
                .iter()
                .map(|wanted| dimension(event, wanted));
            let hit = Hit {
                at: event.at,
                conditions,
                dimensions: dimensions.collect(),
            };
            units
                .entry(unit)
                .or_default()
                .push((event.at, arrival, hit));
        }
        for (unit, mut hits) in units {
            hits.sort_by_key(|(at, arrival, _)| (*at, *arrival));
            let hits: Vec<Hit> = hits.into_iter().map(|(_, _, hit)| hit).collect();
            if hits.iter().any(|hit| hit.conditions != 0) {
                self.units_visited.fetch_add(1, Ordering::Relaxed);
                let flow = visit(hash64(&unit), &hits);
                if flow.is_break() {
                    return Ok(flow);
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn known_names(&self, site: &SiteId, kind: NameKind) -> Result<Vec<String>, StoreError> {
        self.ready().await?;
        self.name_questions.fetch_add(1, Ordering::Relaxed);
        let mut names: BTreeMap<String, u64> = BTreeMap::new();
        for (_, event) in self.matching(site, Bots::Include) {
            let properties = event.properties.as_object();
            let found: Vec<String> = match kind {
                NameKind::Event => vec![event.name.to_owned()],
                NameKind::Property => properties.unwrap().keys().cloned().collect(),
            };
            for name in found {
                *names.entry(name).or_default() += 1;
            }
        }
        let mut names: Vec<(String, u64)> = names.into_iter().collect();
        names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Ok(names.into_iter().map(|(name, _)| name).collect())
    }

    async fn kpi_figures(
        &self,
        scope: &KpiScope,
        _: KnownFigures,
    ) -> Result<KpiFigures, StoreError> {
        self.ready().await?;
        self.note(scope);
        let from = scope.range.from.as_millis();
        let figures = self.kpis.get(&from).cloned().unwrap_or_else(|| {
            let in_range = |at| scope.range.from <= at && at < scope.range.to;
            let events = self.matching(&scope.site, scope.bots);
            KpiFigures {
                events: events.filter(|(_, event)| in_range(event.at)).count() as u64,
                ..KpiFigures::default()
            }
        });
        Ok(KpiFigures {
            referrals: self.referrals.get(&from).cloned().unwrap_or_default(),
            ..figures
        })
    }

    async fn view_rows<R: DeserializeOwned + Send>(
        &self,
        query: &ViewQuery,
    ) -> Result<Vec<R>, StoreError> {
        self.ready().await?;
        let rows = match query.view {
            "kpi_lifecycle" => crate::lifecycle::rows(self, query),
            "people" | "people_names" | "last_events" => crate::people::rows(self, query),
            "found_people" => crate::search::rows(self, query),
            "late_events" => crate::changes::late_rows(self, query),
            "name_neighbours" => crate::meaning::rows(self, query),
            "live_people" => vec![serde_json::json!({ "people": 1 })],
            "live_events" => {
                self.looks.fetch_add(1, Ordering::Relaxed);
                self.arrivals
                    .lock()
                    .iter()
                    .rev()
                    .take(50)
                    .cloned()
                    .collect()
            }
            view if view.starts_with("trend_") => crate::trend::rows(self, query),
            other => panic!("no view is called {other}"),
        };
        let rows = rows.into_iter();
        Ok(rows
            .map(|row| serde_json::from_value(row).unwrap())
            .collect())
    }

    async fn sales(
        &self,
        _: &SiteId,
        _: Bots,
        _: usize,
    ) -> Result<Option<Vec<SaleRow>>, StoreError> {
        self.ready().await?;
        Ok(None)
    }

    async fn scores(
        &self,
        _: &SiteId,
        _: Bots,
        _: usize,
    ) -> Result<Option<Vec<ScoreRow>>, StoreError> {
        self.ready().await?;
        Ok(None)
    }

    async fn referral_rows(
        &self,
        _: &SiteId,
        _: Bots,
        _: usize,
    ) -> Result<Option<Vec<ReferralRow>>, StoreError> {
        self.ready().await?;
        Ok(None)
    }

    async fn stage_figures(&self, scope: &KpiScope) -> Result<StageFigures, StoreError> {
        self.ready().await?;
        self.note(scope);
        Ok(self.stages.clone())
    }

    async fn referral_figures(&self, scope: &KpiScope) -> Result<ReferralFigures, StoreError> {
        self.ready().await?;
        self.note(scope);
        Ok(self
            .referrals
            .get(&scope.range.from.as_millis())
            .cloned()
            .unwrap_or_default())
    }

    /// Treats every event without a milestone as one that no vocabulary has a rule for.
    async fn unmapped_names(&self, query: &UnmappedQuery) -> Result<UnmappedNames, StoreError> {
        self.ready().await?;
        let mut found: BTreeMap<(&str, &str), (UnmappedName, BTreeSet<&str>)> = BTreeMap::new();
        for (_, event) in self.matching(&query.site, query.bots) {
            let in_range = query.range.from <= event.at && event.at < query.range.to;
            // All events of the garden are track events.
            if !in_range || query.kind.is_some_and(|kind| kind != EventKind::Track) {
                continue;
            }
            let Some(why) = why_unmapped(event, query.model.as_deref()) else {
                continue;
            };
            let milestone = event.milestone.map_or("", Milestone::as_str);
            let entry = found.entry((event.name, milestone));
            let (name, people) = entry.or_insert_with(|| {
                let name = UnmappedName {
                    name: event.name.to_owned(),
                    kind: EventKind::Track,
                    why,
                    milestone: event.milestone,
                    events: 0,
                    people: 0,
                    first_seen: event.at,
                    last_seen: event.at,
                };
                (name, BTreeSet::new())
            });
            people.insert(&event.actor);
            name.events += 1;
            name.people = people.len() as u64;
            name.first_seen = name.first_seen.min(event.at);
            name.last_seen = name.last_seen.max(event.at);
        }
        let mut names: Vec<UnmappedName> = found.into_values().map(|(name, _)| name).collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.events));
        let (all_names, all_events) = (names.len(), names.iter().map(|name| name.events).sum());
        names.truncate(query.limit);
        Ok(UnmappedNames {
            names,
            all_names: all_names as u64,
            all_events,
        })
    }

    async fn actor_page(&self, query: &ActorPageQuery) -> Result<Option<ActorPage>, StoreError> {
        self.ready().await?;
        let mut events: Vec<(ActorCursor, &StoredEvent)> = self
            .matching(&query.site, Bots::Include)
            .filter(|(_, event)| event.actor == query.id)
            .map(|(offset, event)| {
                let cursor = ActorCursor {
                    at: event.at,
                    partition: 0,
                    offset: offset.try_into().unwrap(),
                };
                (cursor, event)
            })
            .collect();
        events.sort_by_key(|(cursor, _)| *cursor);
        let Some((_, latest)) = events.last().copied() else {
            return Ok(None);
        };
        let current = latest.stages.iter();
        let stages = current
            .map(|(m, s)| ((*m).to_owned(), (*s).to_owned(), latest.at))
            .collect();
        events.retain(|(cursor, _)| query.after.is_none_or(|after| *cursor > after));
        let mut bytes = 0;
        let room = events
            .iter()
            .take(query.limit)
            .take_while(|(cursor, event)| {
                let shown = page_event(*cursor, event);
                bytes += ActorEvent::text_bytes(&shown.message_id, &shown.event, &shown.properties);
                bytes <= query.bytes
            });
        let room = room.count().max(1);
        let is_last = events.len() <= room;
        events.truncate(room);
        Ok(Some(ActorPage {
            actor: query.id.clone(),
            ids: vec![query.id.clone()],
            stages,
            next: events
                .last()
                .map(|(cursor, _)| *cursor)
                .filter(|_| !is_last),
            events: events
                .into_iter()
                .map(|(cursor, event)| page_event(cursor, event))
                .collect(),
        }))
    }
}

fn why_unmapped(event: &StoredEvent, model: Option<&str>) -> Option<WhyUnmapped> {
    if event.milestone.is_none() {
        return Some(WhyUnmapped::NotUnderstood);
    }
    let model = model?;
    let has_stage = event.stages.iter().any(|(known, _)| *known == model);
    (!has_stage).then_some(WhyUnmapped::NoStage)
}

fn page_event(cursor: ActorCursor, event: &StoredEvent) -> ActorEvent {
    let stages = event.stages.iter().map(|(model, stage)| ActorEventStage {
        model: (*model).to_owned(),
        stage: Some((*stage).to_owned()),
        rule: Some(format!("{stage}-1")),
        version: "v1".to_owned(),
    });
    ActorEvent {
        message_id: format!("m{}", cursor.offset),
        event: event.name.to_owned(),
        at: event.at,
        milestone: event.milestone,
        stages: stages.collect(),
        properties: event.properties.to_string(),
    }
}
