//! The SQL text of a candidate query.
//!
//! User input reaches the server only in the parameters `c0`, `c1`, …; the text depends on the
//! shape of the query, never on its content.

use std::fmt::Write;

use etappe_core::query::{CandidateQuery, Dimension, Selector, Unit};

use super::property::{Document, narrowing_sql, split_path};

/// A statement and the values of its parameters `c0`, `c1`, ….
#[derive(Debug)]
pub(super) struct Statement {
    /// The text. Its other parameters are `site`, `bots`, `from`, `until` and the ends of a range
    /// of units, `low` and `high`.
    pub(super) sql: String,
    /// The values of `c0`, `c1`, ….
    pub(super) parameters: Vec<String>,
}

/// The parts of a statement that the conditions produce.
#[derive(Debug, Default)]
struct Parts {
    parameters: Vec<String>,
    /// The bit of each condition: set for every row that meets it, and for few others.
    bits: Vec<String>,
    /// What a row must satisfy for any of the conditions, using cheap columns only.
    events: Vec<String>,
    milestones: Vec<String>,
    /// The requested stages, as bits of the rows of `outcome_stages`.
    stages: Vec<String>,
    /// Whether some condition accepts any event.
    takes_any: bool,
    /// Whether some condition tests properties.
    looks_inside: bool,
}

impl Statement {
    /// Makes the statement for a query that needs these text columns.
    pub(super) fn of(query: &CandidateQuery, text_columns: &[&str]) -> Self {
        let parts = Parts::of(query);
        let unit = match query.unit {
            Unit::Actor | Unit::Session => "actor_hash",
            Unit::Account => "account_hash",
        };
        let mut sql = parts.stage_bits();
        append(
            &mut sql,
            format_args!("SELECT {unit} AS unit, toUnixTimestamp64Milli(occurred_at) AS at"),
        );
        // An expression over a single dictionary column would be a dictionary column too.
        sql.push_str(", CAST(toUInt64(0)");
        for bit in &parts.bits {
            append(&mut sql, format_args!(" + {bit}"));
        }
        sql.push_str(", 'UInt64') AS bits");
        for column in text_columns {
            let text = text_sql(column, query);
            append(&mut sql, format_args!(", {text} AS text_{column}"));
        }
        append(
            &mut sql,
            format_args!(
                " FROM events WHERE site = {{site:String}} \
                 AND {unit} BETWEEN {{low:UInt64}} AND {{high:UInt64}}"
            ),
        );
        sql.push_str(" AND occurred_at >= {from:DateTime64(3, 'UTC')}");
        if query.until.is_some() {
            sql.push_str(" AND occurred_at < {until:DateTime64(3, 'UTC')}");
        }
        sql.push_str(" AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))");
        if reads_only_hits(query) {
            parts.push_filter(&mut sql);
        }
        append(
            &mut sql,
            format_args!(" ORDER BY {unit}, occurred_at, partition, offset"),
        );
        Self {
            sql,
            parameters: parts.parameters,
        }
    }
}

impl Parts {
    fn of(query: &CandidateQuery) -> Self {
        let mut parts = Self::default();
        for (number, condition) in query.conditions.iter().enumerate() {
            let selector = parts.selector(number, &condition.selector);
            let mut bit = selector;
            for property in &condition.properties {
                let (document, path) = split_path(&property.path);
                let narrowing =
                    narrowing_sql(document, path, &property.test, &mut parts.parameters);
                append(&mut bit, format_args!(" AND {narrowing}"));
                parts.looks_inside = true;
            }
            parts
                .bits
                .push(format!("bitShiftLeft(toUInt64({bit}), {number})"));
        }
        parts
    }

    /// Returns the SQL for a selector, and records it for the filter.
    fn selector(&mut self, number: usize, selector: &Selector) -> String {
        match selector {
            Selector::Any => {
                self.takes_any = true;
                "1".to_owned()
            }
            Selector::Event(name) => {
                let name = self.parameter(name);
                let sql = format!("event = {name}");
                self.events.push(name);
                sql
            }
            Selector::Milestone(milestone) => {
                let name = self.parameter(milestone.as_str());
                let sql = format!("milestone = {name}");
                self.milestones.push(name);
                sql
            }
            Selector::Stage { model, stage } => {
                let (model, stage) = (self.parameter(model), self.parameter(stage));
                self.stages.push(format!(
                    "bitShiftLeft(toUInt64(model = {model} AND stage = {stage}), {number})"
                ));
                format!("bitTest(stage_bits, {number})")
            }
        }
    }

    fn parameter(&mut self, value: &str) -> String {
        self.parameters.push(value.to_owned());
        format!("{{c{}:String}}", self.parameters.len() - 1)
    }

    /// Returns the definition of `stage_bits`: one look-up per row returns all stages.
    fn stage_bits(&self) -> String {
        if self.stages.is_empty() {
            return String::new();
        }
        format!(
            "WITH (SELECT (arrayPushBack(groupArray(id), 0), arrayPushBack(groupArray(mask), 0)) \
             FROM (SELECT id, groupBitOr({}) AS mask FROM outcome_stages WHERE is_main \
             GROUP BY id HAVING mask != 0)) AS stage_masks, \
             transform(outcome_id, stage_masks.1, stage_masks.2, toUInt64(0)) AS stage_bits ",
            self.stages.join(" + ")
        )
    }

    /// Filters out rows that meet no condition: first by cheap columns, then, if these do not
    /// decide, by the bits.
    fn push_filter(&self, sql: &mut String) {
        if !self.takes_any {
            let mut choices = Vec::new();
            if !self.events.is_empty() {
                choices.push(format!("event IN ({})", self.events.join(", ")));
            }
            if !self.milestones.is_empty() {
                choices.push(format!("milestone IN ({})", self.milestones.join(", ")));
            }
            if !self.stages.is_empty() {
                choices.push("stage_bits != 0".to_owned());
            }
            append(sql, format_args!(" AND ({})", choices.join(" OR ")));
        }
        if self.looks_inside {
            sql.push_str(" AND bits != 0");
        }
    }
}

/// Returns SQL for the value of a text column. An object that only checks read is omitted from rows
/// that need no check.
fn text_sql(column: &str, query: &CandidateQuery) -> String {
    let in_dimensions = query.dimensions.iter().any(|dimension| match dimension {
        Dimension::Property(path) => split_path(path).0.column() == column,
        Dimension::Channel
        | Dimension::Campaign
        | Dimension::Persona
        | Dimension::Touchpoint
        | Dimension::Device
        | Dimension::Country => false,
    });
    let is_document = [Document::Properties, Document::Context, Document::Traits]
        .iter()
        .any(|document| document.column() == column);
    if in_dimensions || !is_document {
        // A cast gives plain text; `toString` of a dictionary column would keep its dictionary.
        return format!("CAST({column}, 'String')");
    }
    let needing = query
        .conditions
        .iter()
        .enumerate()
        .filter(|(_, condition)| {
            let mut properties = condition.properties.iter();
            properties.any(|property| split_path(&property.path).0.column() == column)
        });
    let mask = needing.fold(0_u64, |mask, (number, _)| mask | 1 << number);
    format!("if(bitAnd(bits, {mask}) != 0, {column}, '')")
}

/// Returns whether only hits need to be read. Visits and strictly adjacent steps need all events.
fn reads_only_hits(query: &CandidateQuery) -> bool {
    query.unit != Unit::Session && !query.include_others && !query.conditions.is_empty()
}

fn append(sql: &mut String, text: std::fmt::Arguments<'_>) {
    sql.write_fmt(text).expect("a string takes all text");
}
