//! Mistakes in rule files, with their positions.

use crate::rules::{RuleSet, RuleSource, Severity};

/// Compiles one file and compares its diagnostics, as `line:column message`.
fn check(source: RuleSource, expected: &[&str]) {
    let (diagnostics, label) = match RuleSet::compile([source]) {
        Ok(rules) => (rules.warnings().to_vec(), "warning"),
        Err(diagnostics) => (diagnostics, "error"),
    };
    let found: Vec<String> = diagnostics
        .iter()
        .map(|d| {
            let severity = if d.severity == Severity::Warning {
                "warning: "
            } else {
                ""
            };
            format!("{}:{} {severity}{}", d.line, d.column, d.message)
        })
        .collect();
    assert_eq!(found, expected, "{label} {diagnostics:#?}");
}

fn vocabulary(text: &str, expected: &[&str]) {
    check(RuleSource::vocabulary("own.toml", text), expected);
}

fn model(text: &str, expected: &[&str]) {
    check(RuleSource::model("own.toml", text), expected);
}

#[test]
fn all_mistakes_of_a_vocabulary_are_reported_at_once() {
    vocabulary(
        r#"id = "Own shop"
titel = "x"
priority = "high"
[[rule]]
evnt = "a"
event = ""
milestone = "purchse"
[[rule]]
id = "b"
event = ["b", 7, "c\\"]
kind = "tracks"
match = "fuzzy"
milestone = "repeat_purchase"
[[rule]]
id = "b"
event = "d"
url = ["blog", "/x"]
where = { a = { abov = 1 }, b = { above = 2, below = 1 }, c = [], d = 2024-01-01 }
facts = { revenue = 7, currency = "euro", orderid = "x" }
milestone = 7
[[rule]]
milestone = "visit"
[[rule]]
event = "e"
"#,
        &[
            "1:6 `Own shop` is not an id",
            "2:1 `titel` is not a key of a vocabulary",
            "3:12 `priority` must be a whole number, not text",
            "5:1 `evnt` is not a key of a rule",
            "6:9 `event` ``: a pattern cannot be empty",
            "7:13 `purchse` is not a milestone",
            "10:15 `event` must be a list of texts in quotes, not a number",
            "10:18 `event` `c\\`: the pattern ends in a backslash that escapes nothing",
            "11:8 `tracks` is not a kind of event",
            "12:9 `match` is \"exact\" or \"any\", not \"fuzzy\"",
            "13:13 `repeat_purchase` is derived from an actor's history and cannot be set here",
            "15:6 rule `b` already exists on line 9",
            "17:8 `blog`: a URL pattern starts with `/` (a path) or `?` (a key of the query)",
            "18:17 `abov` is not a key of the condition on `a`",
            "18:33 this range contains no number",
            "18:63 the choice of `c` is empty",
            "18:71 `d` must be text, a number, true, false or a list of them, not a date",
            "19:21 `revenue` must be text in quotes, not a number",
            "19:35 `euro` is not a currency",
            "19:43 `orderid` is not a key of `facts`",
            "20:13 `milestone` must be text in quotes, not a number",
            "21:1 the rule has no condition, so it would match every event",
            "23:1 the rule has no `milestone`",
        ],
    );
}

#[test]
fn mistakes_in_words_are_reported_with_the_others() {
    vocabulary(
        r#"id = "own"
[words]
besides = ["the"]
beside = ["the", "a b", "..."]
undo = ["the", "@don"]
[words.group]
done = ["done", "@self", "@gone"]
self = ["@self"]
[[rule]]
words = { object = ["order"], verb = ["done"] }
milestone = "purchase"
[[rule]]
id = "b"
words = "order done"
milestone = "purchase"
[[rule]]
id = "c"
words = [{ action = ["@dane"] }, { action = [], about = 7 }]
milestone = "purchase"
[[rule]]
id = "d"
words = []
milestone = "purchase"
[[rule]]
id = "e"
where = { a = { words = ["--"] } }
milestone = "purchase"
"#,
        &[
            "3:1 `besides` is not a key of `words`",
            "4:18 `a b` is more than one word",
            "4:25 `...` contains no word",
            "5:9 `the` cannot be in both `undo` and `beside`",
            "5:16 unknown word group `don`",
            "7:26 unknown word group `gone`",
            "8:9 the group of words `self` names itself",
            "10:9 `words` has no `action`",
            "10:31 `verb` is not a key of `words` of a rule",
            "14:9 `words` must be a table or a list of tables, not text",
            "18:22 unknown word group `dane`",
            "18:45 `action` is empty",
            "18:57 `about` must be text in quotes or a list of texts, not a number",
            "22:9 `words` is empty",
            "26:26 `--` contains no word",
        ],
    );
}

#[test]
fn words_that_an_earlier_rule_uses_are_an_error() {
    vocabulary(
        r#"id = "own"
[[rule]]
words = { object = ["order"], action = ["done"] }
milestone = "purchase"
[[rule]]
id = "again"
words = { object = ["Order"], action = ["done"] }
milestone = "lead"
"#,
        &["5:1 rule `again` is never reached"],
    );
}

#[test]
fn a_misspelled_word_comes_with_a_suggestion() {
    let text = "id = \"own\"\n[[rule]]\nevnt = \"a\"\nevent = \"a\"\nmilestone = \"purchse\"\n";
    let diagnostics = RuleSet::compile([RuleSource::vocabulary("own.toml", text)]).unwrap_err();
    let help: Vec<_> = diagnostics
        .iter()
        .filter_map(|d| d.help.as_deref())
        .collect();
    assert_eq!(help, ["did you mean `event`?", "did you mean `purchase`?"]);
}

#[test]
fn text_that_is_not_toml_is_reported_with_its_position() {
    let found = RuleSet::compile([RuleSource::vocabulary(
        "own.toml",
        "id = \"own\"\n[[rule]]\nevent = \nmilestone = \"visit\"\n",
    )])
    .unwrap_err();
    assert_eq!(found[0].line, 3);
    assert!(found[0].message.starts_with("not valid TOML"), "{found:#?}");
}

#[test]
fn a_rule_that_is_never_reached_is_an_error() {
    vocabulary(
        r#"id = "own"
[[rule]]
event = "order*"
milestone = "purchase"
[[rule]]
id = "again"
event = "Order*"
milestone = "visit"
[[rule]]
id = "partly"
event = ["cart", "order*"]
milestone = "add_to_cart"
[[rule]]
id = "more-conditions"
event = "cart"
where = { a = 1 }
milestone = "visit"
[[rule]]
id = "even-more"
event = "cart"
where = { a = 1, b = 2 }
milestone = "lead"
[[rule]]
id = "other-spelling"
event = "CART"
milestone = "lead"
"#,
        &[
            "5:1 rule `again` is never reached",
            "9:1 warning: rule `partly` is never reached by `order*`",
            "18:1 rule `even-more` is never reached",
        ],
    );
}

#[test]
fn names_listed_twice_are_a_warning() {
    vocabulary(
        "id = \"own\"\n[[rule]]\nevent = [\"a\", \"b\", \"a\"]\nmilestone = \"visit\"\n",
        &["2:1 warning: rule `a` lists `a` twice"],
    );
}

#[test]
fn a_file_needs_an_id_and_rules() {
    vocabulary(
        "",
        &[
            "1:1 the vocabulary has no `id`",
            "1:1 the vocabulary has no rules",
        ],
    );
    model(
        "",
        &["1:1 the model has no `id`", "1:1 the model has no stages"],
    );
    vocabulary(
        "id = \"own\"\nrule = { event = \"a\" }\n",
        &["2:8 `rule` must be a list of tables"],
    );
}

#[test]
fn conditions_that_no_value_can_meet_are_mistakes() {
    let with = |condition: &str| {
        format!(
            "id = \"own\"\n[[rule]]\nevent = \"a\"\nmilestone = \"visit\"\nwhere = {{ plan = {condition} }}\n"
        )
    };
    for condition in [
        "{ exists = true, absent = true }",
        "{ absent = true, glob = \"pro*\" }",
        "{ exists = false, above = 3 }",
        "{ is = \"pro\", not = [\"pro\", \"team\"] }",
        "{ is = 3, above = 3 }",
        "{ one_of = [1, 2.5], at_least = 3 }",
        "{ is = \"pro\", above = 0 }",
        "{ is = true, at_most = 1 }",
        "{ is = \"pro\", glob = \"team*\" }",
        "{ is = \"pro\", not_glob = [\"P*\", \"x\"] }",
        "{ is = \"pro plan\", words = \"team\" }",
        "{ is = \"pro plan\", not_words = \"plan\" }",
        "{ is = \"\", exists = true }",
        "{ at_least = 3, at_most = 3, not = \"3\" }",
        "{ glob = \"pro*\", not_glob = [\"team\", \"pro*\"] }",
        "{ words = [\"pro\"], not_words = [\"team\", \"pro\"] }",
    ] {
        vocabulary(
            &with(condition),
            &["5:18 no value of `plan` can meet all these conditions"],
        );
    }
    vocabulary(
        &with("{ one_of = [\"pro\", \"team\"], not = \"pro\" }"),
        &[],
    );
    vocabulary(&with("{ absent = true, not = \"pro\" }"), &[]);
    for condition in [
        "{ is = \"\", absent = true }",
        "{ one_of = [1, 3], above = 2 }",
        "{ one_of = [\"pro\", 3], above = 2 }",
        "{ is = \"3\", above = 2 }",
        "{ is = 5, glob = \"5.*\" }",
        "{ is = \"Pro\", glob = \"pro\" }",
        "{ is = true, glob = \"t*\" }",
        "{ at_least = 3, at_most = 4, not = 3 }",
        "{ glob = [\"pro*\", \"team\"], not_glob = \"pro*\" }",
    ] {
        vocabulary(&with(condition), &[]);
    }
}

#[test]
fn conditions_on_one_value_in_two_places_are_checked_for_contradictions() {
    vocabulary(
        "id = \"own\"\n[[rule]]\nevent = \"a\"\nmilestone = \"visit\"\n\
         where = { plan = \"pro\", \"properties.plan\" = \"team\" }\n",
        &["5:45 no value of `plan` can meet all these conditions"],
    );
    let with = |of_rule: &str| {
        format!(
            "id = \"own\"\nwhere = {{ context.library.name = \"a\", total = {{ above = 3 }} }}\n\
             [[rule]]\nevent = \"a\"\nmilestone = \"visit\"\nwhere = {of_rule}\n"
        )
    };
    vocabulary(
        &with("{ context.library.name = \"b\" }"),
        &[
            "3:1 no value of `context.library.name` can meet the conditions of both the file and the rule",
        ],
    );
    vocabulary(
        &with("{ total = { below = 3 } }"),
        &["3:1 no value of `total` can meet the conditions of both the file and the rule"],
    );
    vocabulary(&with("{ total = { below = 3.5 }, traits.total = 1 }"), &[]);
}

#[test]
fn own_hit_is_refused_on_a_stage_that_is_not_a_gate() {
    model(
        "id = \"own\"\n[[stage]]\nid = \"a\"\ngate = false\nown_hit = true\n\
         [[rule]]\nstage = \"a\"\nmilestones = [\"visit\"]\n",
        &["5:11 `own_hit` is supported only on gates: other stages are not passed"],
    );
}

#[test]
fn an_unknown_tone_is_refused_with_the_nearest_or_all() {
    let stage = |tone: &str| {
        format!(
            "id = \"own\"\n[[stage]]\nid = \"a\"\ntone = \"{tone}\"\n\
             [[rule]]\nstage = \"a\"\nmilestones = [\"visit\"]\n"
        )
    };
    model(&stage("buy"), &[]);
    model(&stage("by"), &["4:8 `by` is not a tone"]);
    model(&stage("money"), &["4:8 `money` is not a tone"]);
}

#[test]
fn mistakes_in_phrases_are_reported() {
    let stage = |phrases: &str| {
        format!(
            "id = \"m\"\n[[stage]]\nid = \"s\"\n{phrases}\n[[rule]]\nstage = \"s\"\nmilestones = [\"visit\"]\n"
        )
    };
    let long = "x".repeat(61);
    let good = r#"phrases.nl = { past = "kochten", who = "kopen", do = "kopen er {n}" }"#;
    let rules = RuleSet::compile([RuleSource::model("own.toml", stage(good))]).unwrap();
    let phrases = &rules.models().first().unwrap().stages[0].phrases;
    assert_eq!(phrases.en, None);
    assert_eq!(&*phrases.nl.as_ref().unwrap().does, "kopen er {n}");
    for (phrases, expected) in [
        (
            r#"phrases = "paid""#,
            "4:11 `phrases` must be a table, not text",
        ),
        (
            r#"phrases.de = { past = "a", who = "b", do = "c" }"#,
            "4:9 `de` is not a key of `phrases`",
        ),
        (
            r#"phrases.en = { past = "paid", do = "pay" }"#,
            "4:14 `phrases.en` has no `who`",
        ),
        (
            r#"phrases.en = { past = "a", who = "b", do = " {n} " }"#,
            "4:44 `do` is empty",
        ),
        (
            r#"phrases.en = { past = "a", who = "{n} b", do = "c" }"#,
            "4:34 `who` may hold no braces, except `{n}` once in `do`",
        ),
        (
            &format!(r#"phrases.en = {{ past = "a", who = "b", do = "{long}" }}"#),
            "4:44 `do` is longer than 60 characters",
        ),
    ] {
        model(&stage(phrases), &[expected]);
    }
}

#[test]
fn all_mistakes_of_a_model_are_reported_at_once() {
    model(
        r#"id = "own"
labels = { en = "Own", de = "Eigen" }
[[stage]]
id = "first"
label = 7
gate = "no"
[[stage]]
id = "second"
[[stage]]
id = "first"
[[stage]]
label = "nameless"
[[rule]]
stage = "frist"
milestones = ["visit", "vist"]
[[rule]]
stage = "first"
milestones = []
[[rule]]
id = "first"
stage = "first"
milestones = ["lead", "lead"]
when = "always"
history = { order = 1, orders = "many", count = { purchas = 1 }, days_since_last = 3 }
[[rule]]
id = "third"
"#,
        &[
            "2:24 `de` is not a key of `labels`",
            "5:9 `label` must be a table, not a number",
            "6:8 `gate` must be true or false, not text",
            "7:1 warning: no rule leads to stage `second`",
            "9:1 warning: no rule leads to stage `first`",
            "10:6 stage `first` already exists on line 4",
            "11:1 the stage has no `id`",
            "14:9 `frist` is not a stage of this model",
            "15:24 `vist` is not a milestone",
            "18:14 `milestones` is empty",
            "20:6 rule `first` already exists on line 16",
            "22:23 warning: `lead` is listed twice",
            "23:8 `when` must be a table, not text",
            "24:13 `order` is not a key of `history`",
            "24:33 `orders` must be a number or a table such as { at_least = 1 }, not text",
            "24:51 `purchas` is not a milestone",
            "24:84 `days_since_last` must be a table, not a number",
            "25:1 the rule has no `milestones`",
            "25:1 the rule has no `stage`",
        ],
    );
}

#[test]
fn a_model_has_at_most_sixty_four_stages() {
    let stages: String = (0..66)
        .map(|n| format!("[[stage]]\nid = \"s{n}\"\n"))
        .collect();
    let rules: String = (0..64)
        .map(|n| format!("[[rule]]\nstage = \"s{n}\"\nmilestones = [\"visit\"]\n"))
        .collect();
    model(
        &format!("id = \"own\"\n{stages}{rules}"),
        &["130:1 a model may have at most 64 stages; this one has 66"],
    );
}

#[test]
fn a_models_rule_that_is_never_reached_is_an_error() {
    model(
        r#"id = "own"
[[stage]]
id = "a"
[[rule]]
stage = "a"
milestones = ["visit", "lead"]
[[rule]]
id = "again"
stage = "a"
milestones = ["lead"]
when = { x = 1 }
"#,
        &["7:1 rule `again` is never reached"],
    );
}

#[test]
fn two_files_cannot_share_an_id() {
    let text = "id = \"own\"\n[[rule]]\nevent = \"a\"\nmilestone = \"visit\"\n";
    let sources = ["b.toml", "a.toml"].map(|file| RuleSource::vocabulary(file, text));
    let diagnostics = RuleSet::compile(sources).unwrap_err();
    assert_eq!(
        diagnostics[0].to_string(),
        "b.toml:1:1: error: `own` is already the id of a.toml (give this file another `id`)"
    );
}

#[test]
fn mistakes_of_all_files_come_sorted_by_file_and_line() {
    let broken = "id = \"x\"\n[[rule]]\nevent = \"a\"\n[[rule]]\nevent = \"b\"\n";
    let sources = [
        RuleSource::vocabulary("z.toml", broken),
        RuleSource::model("m.toml", "id = \"y\"\n"),
        RuleSource::vocabulary("a.toml", broken.replace("\"x\"", "\"w\"")),
    ];
    let places: Vec<_> = RuleSet::compile(sources)
        .unwrap_err()
        .iter()
        .map(|d| format!("{}:{}", d.file, d.line))
        .collect();
    assert_eq!(
        places,
        ["a.toml:2", "a.toml:4", "m.toml:1", "z.toml:2", "z.toml:4"]
    );
}

#[test]
fn too_many_conditional_rules_for_a_milestone_are_refused() {
    let rules: String = (0..257)
        .map(|n| {
            format!("[[rule]]\nid = \"r{n}\"\nstage = \"a\"\nmilestones = [\"visit\"]\nwhen = {{ n = {n} }}\n")
        })
        .collect();
    model(
        &format!("id = \"own\"\n[[stage]]\nid = \"a\"\n{rules}"),
        &["1284:1 more than 256 rules with conditions ask for `visit`"],
    );
}
