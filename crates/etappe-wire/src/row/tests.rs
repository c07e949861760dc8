//! Decodes rows with an independent reader and compares them with their input.

use std::borrow::Cow;

use etappe_core::id::SiteId;
use etappe_core::json::JsonObject;
use etappe_core::milestone::Milestone;
use etappe_core::money::Amount;
use etappe_core::rules::OutcomeId;
use etappe_core::time::Timestamp;
use etappe_core::watermark::CollectorState;

use super::*;

/// Reads a row column by column.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(count);
        self.0 = rest;
        head
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    fn text(&mut self) -> &'a str {
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        std::str::from_utf8(self.take(length)).unwrap()
    }
}

fn event<'a>(properties: &'a str) -> Event<'a> {
    Event {
        scope: KeyScope::Pixel,
        anonymous_id: Some("a1".into()),
        received_at: Timestamp::from_millis(1_709_294_400_999),
        properties: JsonObject::parse(properties).unwrap(),
        ..Event::empty(
            Cow::Owned(SiteId::try_new("demo").unwrap()),
            EventKind::Track,
            "Order\u{0}Completed".into(),
            "m1".into(),
            Timestamp::from_millis(1_709_294_400_123),
        )
    }
}

fn outcome(milestone: Option<Milestone>) -> Outcome {
    Outcome {
        id: OutcomeId(7),
        milestone,
        vocabulary: None,
        stages: Box::default(),
    }
}

/// Returns the input of a row without an actor at offset 0.
fn input<'a>(
    event: &'a Event<'a>,
    facts: &'a EventFacts<'a>,
    outcome: &'a Outcome,
) -> RowInput<'a> {
    RowInput {
        event,
        facts,
        outcome,
        actor: "",
        message_hash: MessageHash(3),
        topic: "t",
        partition: PartitionId(1),
        offset: Offset(0),
        duplicate: false,
    }
}

/// Encodes a row with a value in most columns, after bytes that were there before.
fn full_row(properties: &str) -> (Vec<u8>, RowSummary) {
    let facts = EventFacts {
        revenue: Amount::parse("-12.5"),
        currency: "EUR".into(),
        order_id: "o1".into(),
        nps: Some(10),
        channel: Some(Channel::OrganicSearch),
        bot: "crawler".into(),
        ..EventFacts::default()
    };
    let outcome = outcome(Some(Milestone::Purchase));
    let event = event(properties);
    let row = RowInput {
        actor: "a1",
        offset: Offset(42),
        duplicate: true,
        ..input(&event, &facts, &outcome)
    };
    let mut bytes = b"before".to_vec();
    let summary = encode(&row, &mut bytes);
    (bytes, summary)
}

#[test]
fn a_row_holds_its_columns_in_their_order() {
    let properties = format!(r#"{{"note":"{}"}}"#, "é".repeat(20_000));
    let (bytes, _) = full_row(&properties);
    let mut reader = Reader(bytes.strip_prefix(b"before").unwrap());
    assert_eq!(reader.text(), "demo");
    assert_eq!((reader.byte(), reader.byte(), reader.byte()), (1, 3, 1));
    assert_eq!(reader.byte(), 0, "it is no view");
    assert_eq!(reader.text(), "Order\u{0}Completed");
    assert_eq!((reader.text(), reader.number()), ("purchase", 7));
    assert_eq!(
        (reader.text(), reader.number()),
        ("a1", ActorHash::of("a1").0)
    );
    assert_eq!(
        (reader.text(), reader.text(), reader.text()),
        ("a1", "", "")
    );
    assert_eq!((reader.text(), reader.number()), ("", 0));
    assert_eq!((reader.text(), reader.number()), ("m1", 3));
    assert_eq!(
        (reader.number(), reader.number()),
        (1_709_294_400_123, 1_709_294_400_999)
    );
    assert_eq!(
        (reader.byte(), reader.take(16)),
        (0, &(-125_000_i128).to_le_bytes()[..])
    );
    assert_eq!(
        (reader.text(), reader.text(), reader.number()),
        ("EUR", "o1", hash64("o1"))
    );
    assert_eq!((reader.text(), reader.text(), reader.number()), ("", "", 0));
    assert_eq!((reader.byte(), reader.byte()), (0, 10));
    assert_eq!((reader.byte(), reader.byte()), (1, 1));
    for _ in 0..12 {
        assert_eq!(reader.text(), "");
    }
    assert_eq!(
        (reader.text(), reader.text()),
        ("crawler", "Organic Search")
    );
    assert_eq!(
        (reader.text(), reader.text(), reader.text()),
        (&*properties, "{}", "{}")
    );
    assert_eq!(reader.text(), "t");
    assert_eq!(reader.take(4), 1_u32.to_le_bytes());
    assert_eq!(reader.number(), 42);
    assert_eq!(reader.take(10), [1, 0, 0, 0, 0, 0, 0, 1, 0, 0], "tables");
    assert!(reader.0.is_empty());
}

#[test]
fn a_row_states_whether_its_amount_counts() {
    let state = |counts_money, revenue: Option<&str>, is_unread: bool| {
        let event = Event {
            counts_money,
            ..event("{}")
        };
        let facts = EventFacts {
            revenue: revenue.and_then(Amount::parse),
            uncounted: is_unread.then_some(etappe_core::warning::WarningReason::UnreadAmount),
            ..EventFacts::default()
        };
        let outcome = outcome(None);
        amount_state(&input(&event, &facts, &outcome))
    };
    assert_eq!(state(true, None, false), 0);
    assert_eq!(state(true, Some("1"), false), 1);
    assert_eq!(state(true, None, true), 2);
    assert_eq!(state(false, None, true), 3);
}

#[test]
fn the_hash_of_an_absent_actor_is_zero() {
    let event = event("{}");
    let outcome = outcome(None);
    let facts = EventFacts::default();
    let mut bytes = Vec::new();
    encode(&input(&event, &facts, &outcome), &mut bytes);
    let mut reader = Reader(&bytes);
    reader.text();
    reader.take(4);
    reader.text();
    assert_eq!((reader.text(), reader.number()), ("", 7));
    assert_eq!((reader.text(), reader.number()), ("", 0));
}

#[test]
fn a_row_that_is_marked_later_is_the_row_of_a_duplicate() {
    let event = event("{}");
    let outcome = outcome(None);
    let facts = EventFacts::default();
    let encoded = |duplicate| {
        let row = RowInput {
            actor: "a1",
            duplicate,
            ..input(&event, &facts, &outcome)
        };
        let mut bytes = Vec::new();
        let summary = encode(&row, &mut bytes);
        (bytes, summary)
    };
    let mut marked = encoded(false);
    mark_duplicate(&mut marked.0, &mut marked.1);
    assert_eq!(marked, encoded(true));
    assert_ne!(marked, encoded(false));
}

#[test]
fn a_summary_agrees_with_its_row() {
    let (bytes, first) = full_row("{}");
    assert_eq!(
        first,
        RowSummary {
            size: bytes.len() - b"before".len(),
            offset: Offset(42),
            received_at: Timestamp::from_millis(1_709_294_400_999),
            message: Some(MessageHash(3)),
            tables: Table::Messages as u16 | Table::Duplicates as u16,
        }
    );
    let identify = Event {
        kind: EventKind::Identify,
        user_id: Some("u1".into()),
        ..event("{}")
    };
    let facts = EventFacts {
        inviter_id: "x".into(),
        ..EventFacts::default()
    };
    let outcome = outcome(None);
    let row = RowInput {
        actor: "u1",
        offset: Offset(43),
        ..input(&identify, &facts, &outcome)
    };
    let mut bytes = Vec::new();
    let second = RowSummary {
        offset: Offset(43),
        tables: Table::Messages as u16 | Table::Identities as u16 | Table::ActorIds as u16,
        ..first
    };
    let encoded = encode(&row, &mut bytes);
    assert_eq!(
        encoded,
        RowSummary {
            size: bytes.len(),
            ..second
        }
    );
}

#[test]
fn a_collectors_mark_is_a_row_of_its_own_kind() {
    let mut bytes = Vec::new();
    let mark = CollectorMark {
        collector: "c1".to_owned(),
        reached: Timestamp::from_millis(5),
        written_at: Timestamp::from_millis(6),
        state: etappe_core::watermark::CollectorState::Direct,
    };
    let summary = encode_mark(&mark, "t", PartitionId(1), Offset(44), &mut bytes);
    assert!(summary.is_mark());
    assert_eq!(summary.tables, Table::Marks as u16);
    assert_eq!(summary.received_at, mark.written_at);
    assert_eq!((summary.offset, summary.size), (Offset(44), bytes.len()));
}

/// Returns the names of the tables that take a message.
fn tables(
    event: &Event<'_>,
    facts: &EventFacts<'_>,
    milestone: Option<Milestone>,
) -> Vec<&'static str> {
    let outcome = outcome(milestone);
    let row = RowInput {
        actor: "a1",
        ..input(event, facts, &outcome)
    };
    let mut bytes = Vec::new();
    let summary = encode(&row, &mut bytes);
    let flags = bytes.last_chunk::<10>().unwrap();
    let mut names = Vec::new();
    for (table, flag) in Table::ALL.into_iter().zip(flags) {
        assert_eq!(table.takes(&summary), *flag == 1, "{table:?}");
        names.extend(table.takes(&summary).then_some(table.name()));
    }
    names
}

#[test]
fn a_row_names_the_tables_that_take_it() {
    let track = event("{}");
    let identify = Event {
        kind: EventKind::Identify,
        user_id: Some("u1".into()),
        ..event("{}")
    };
    let none = EventFacts::default();
    let rated = EventFacts {
        rating: Some(4.5),
        ..EventFacts::default()
    };
    let invited = EventFacts {
        referral_code: "r".into(),
        ..EventFacts::default()
    };
    let events = ["messages", "events", "stage_events"];
    let with = |table| [&events[..], &[table]].concat();
    assert_eq!(tables(&track, &none, None), events);
    assert_eq!(tables(&track, &none, Some(Milestone::Signup)), events);
    for milestone in [
        Milestone::Purchase,
        Milestone::RepeatPurchase,
        Milestone::OrderCancel,
    ] {
        assert_eq!(tables(&track, &none, Some(milestone)), with("money"));
    }
    assert_eq!(tables(&track, &rated, None), with("feedback"));
    assert_eq!(tables(&track, &invited, None), with("referral_events"));
    let share = tables(&track, &none, Some(Milestone::Share));
    assert_eq!(share, with("referral_events"));
    let other_id = ["messages", "identities", "actor_ids"];
    assert_eq!(tables(&identify, &invited, None), other_id);
}

#[test]
fn the_last_columns_are_the_tables_in_their_order() {
    let names = Table::ALL.map(|table| format!("to_{}", table.name()));
    assert!(COLUMNS.ends_with(&names.join(", ")), "{}", *COLUMNS);
}

#[test]
fn a_row_encoded_for_one_table_differs_only_in_its_tables() {
    let (bytes, _) = full_row("{}");
    let mut alone = Vec::new();
    encode_for(Table::Money, &bytes, &mut alone);
    let (head, flags) = alone.split_last_chunk::<10>().unwrap();
    assert!(bytes.starts_with(head) && alone.len() == bytes.len());
    assert_eq!(flags, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
}

/// Reads a block with this file's own reader and returns, per column, its name, type and values.
fn columns_of(block: &[u8]) -> Vec<(String, String, Vec<String>)> {
    let mut reader = Reader(block);
    let (columns, rows) = (reader.byte(), reader.byte());
    let mut read = Vec::new();
    for _ in 0..columns {
        let (name, kind) = (reader.text().to_owned(), reader.text().to_owned());
        let inner = kind
            .strip_prefix("Nullable(")
            .and_then(|it| it.strip_suffix(')'));
        let nulls = inner.map(|_| reader.take(rows.into()));
        let mut values = Vec::new();
        for row in 0..usize::from(rows) {
            let value = match inner.unwrap_or(&kind) {
                "String" => reader.text().to_owned(),
                "UInt64" | "DateTime64(3, 'UTC')" => reader.number().to_string(),
                "UInt32" => format!("{:?}", reader.take(4)),
                "Float64" => f64::from_bits(reader.number()).to_string(),
                "Decimal(38, 4)" => {
                    i128::from_le_bytes(reader.take(16).try_into().unwrap()).to_string()
                }
                "Int8" | "UInt8" | "Bool" => reader.byte().to_string(),
                other => panic!("{other}"),
            };
            let is_null = nulls.is_some_and(|nulls| nulls[row] == 1);
            values.push(if is_null { "null".to_owned() } else { value });
        }
        read.push((name, kind, values));
    }
    assert!(reader.0.is_empty(), "{} bytes left", reader.0.len());
    read
}

#[test]
fn a_block_has_the_values_of_its_rows_by_column() {
    let paid = EventFacts {
        revenue: Some(Amount::parse("12.5").unwrap()),
        currency: "EUR".into(),
        rating: Some(4.5),
        ..EventFacts::default()
    };
    let none = EventFacts::default();
    let long = format!(r#"{{"text":"{}"}}"#, "é".repeat(300));
    let events = [event(&long), event("{}")];
    let outcome = outcome(Some(Milestone::Signup));
    let mut rows = Vec::new();
    encode(&input(&events[0], &paid, &outcome), &mut rows);
    encode(&input(&events[1], &none, &outcome), &mut rows);
    let block = Block::of(&rows, 2).unwrap().into_pieces().concat();
    let columns = columns_of(&block);
    let names: Vec<&str> = columns.iter().map(|(name, _, _)| name.as_str()).collect();
    assert_eq!(names.join(", "), *COLUMNS);
    let values = |name: &str| {
        let column = columns.iter().find(|(found, _, _)| found == name);
        let (_, _, values) = column.unwrap();
        values.iter().map(String::as_str).collect::<Vec<_>>()
    };
    assert_eq!(values("site"), ["demo", "demo"]);
    assert_eq!(values("scope"), ["3", "3"]);
    assert_eq!(
        values("event"),
        ["Order\u{0}Completed", "Order\u{0}Completed"]
    );
    assert_eq!(values("occurred_at"), ["1709294400123", "1709294400123"]);
    assert_eq!(values("revenue"), ["125000", "null"]);
    assert_eq!(values("currency"), ["EUR", ""]);
    assert_eq!(values("rating"), ["4.5", "null"]);
    assert_eq!(values("nps"), ["null", "null"]);
    assert_eq!(values("properties"), [long.as_str(), "{}"]);
    assert_eq!(values("to_money"), ["0", "0"]);
    assert_eq!(values("to_events"), ["1", "1"]);
}

#[test]
fn a_block_takes_marks_and_rows_for_one_table() {
    let (event, facts, outcome) = (event("{}"), EventFacts::default(), outcome(None));
    let mut rows = Vec::new();
    let mark = CollectorMark {
        collector: "c-1".to_owned(),
        reached: Timestamp::from_millis(5),
        written_at: Timestamp::from_millis(7),
        state: CollectorState::Direct,
    };
    encode_mark(&mark, "t", PartitionId(1), Offset(2), &mut rows);
    let mut row = Vec::new();
    encode(&input(&event, &facts, &outcome), &mut row);
    encode_for(Table::Messages, &row, &mut rows);
    let block = Block::of(&rows, 2).unwrap().into_pieces().concat();
    let columns = columns_of(&block);
    let flags = |name: &str| {
        let column = columns.iter().find(|(found, _, _)| found == name);
        column.unwrap().2.clone()
    };
    assert_eq!(flags("to_marks"), ["1", "0"]);
    assert_eq!(flags("to_messages"), ["0", "1"]);
    assert_eq!(flags("to_events"), ["0", "0"]);
    assert_eq!(flags("message_id"), ["c-1", "m1"]);
}

#[test]
fn bytes_that_are_not_so_many_rows_make_no_block() {
    let (event, facts, outcome) = (event("{}"), EventFacts::default(), outcome(None));
    let mut rows = Vec::new();
    encode(&input(&event, &facts, &outcome), &mut rows);
    assert!(Block::of(&rows, 1).is_some());
    assert!(Block::of(&rows, 2).is_none());
    assert!(Block::of(&rows, 0).is_none());
    for end in 0..rows.len() {
        assert!(Block::of(&rows[..end], 1).is_none(), "{end}");
    }
    rows.push(0);
    assert!(Block::of(&rows, 1).is_none());
}
