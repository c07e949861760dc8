//! Combines the configuration's layers and finds every mistake in all of them at once.
//!
//! Layers are, from weakest to strongest: defaults in code, a TOML file, environment variables
//! (`ETAPPE_COLLECTOR__MAX_CONNECTIONS`), flags. Each setting of a layer is first tried alone on
//! top of the defaults, so that one mistake does not hide the next.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

/// A setting's source, as a user would look it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin(String);

impl Origin {
    /// Names a command-line flag.
    pub(crate) fn flag(name: &str) -> Self {
        Self(name.to_owned())
    }
}

/// One setting of one layer.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// The setting's path, such as `["collector", "max_connections"]`.
    pub(crate) path: Vec<String>,
    /// Its value.
    pub(crate) value: Value,
    /// Its source.
    pub(crate) origin: Origin,
}

/// A mistake in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Its source, if it has one.
    origin: Option<Origin>,
    /// The problem.
    message: String,
}

impl Problem {
    /// Makes a problem that concerns the whole configuration.
    pub(crate) const fn of_whole(message: String) -> Self {
        Self {
            origin: None,
            message,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(Origin(place)) => write!(f, "{place}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Reads the settings of a TOML text; problems name `file`.
pub(crate) fn settings_of_file(file: &Path, text: &str) -> Result<Vec<Setting>, Vec<Problem>> {
    let place = |at: usize| {
        let line = text
            .get(..at)
            .map_or(1, |before| before.matches('\n').count() + 1);
        Origin(format!("{}:{line}", file.display()))
    };
    let (document, mut errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        errors.sort_by_key(|error| error.span().map(|span| span.start));
        let problem = |error: &toml::de::Error| Problem {
            origin: Some(place(error.span().map_or(0, |span| span.start))),
            message: error.message().to_owned(),
        };
        return Err(errors.iter().map(problem).collect());
    }
    let mut settings = Vec::new();
    collect(document.get_ref(), &mut Vec::new(), &place, &mut settings);
    settings.sort_by_key(|(at, _)| *at);
    Ok(settings.into_iter().map(|(_, setting)| setting).collect())
}

fn collect(
    table: &DeTable<'_>,
    path: &mut Vec<String>,
    place: &impl Fn(usize) -> Origin,
    settings: &mut Vec<(usize, Setting)>,
) {
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        if let DeValue::Table(inner) = value.get_ref() {
            collect(inner, path, place, settings);
        } else {
            let at = key.span().start;
            let origin = place(at);
            settings.push((
                at,
                Setting {
                    path: path.clone(),
                    value: plain(value),
                    origin,
                },
            ));
        }
        path.pop();
    }
}

/// Returns a value without its positions in the text.
fn plain(value: &Spanned<DeValue<'_>>) -> Value {
    match value.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::String(number.to_string()), Value::Integer),
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .map_or_else(|_| Value::String(number.as_str().to_owned()), Value::Float),
        DeValue::Boolean(flag) => Value::Boolean(*flag),
        DeValue::Datetime(at) => Value::Datetime(*at),
        DeValue::Array(items) => Value::Array(items.iter().map(plain).collect()),
        DeValue::Table(table) => Value::Table(
            table
                .iter()
                .map(|(key, value)| (key.get_ref().to_string(), plain(value)))
                .collect(),
        ),
    }
}

/// Reads the settings from environment variables called `ETAPPE_<SECTION>__<NAME>`.
pub(crate) fn settings_of_environment(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Vec<Setting> {
    let mut settings: Vec<_> = variables
        .into_iter()
        .filter_map(|(name, text)| {
            let path = name
                .strip_prefix("ETAPPE_")
                .filter(|rest| rest.contains("__"))?;
            Some(Setting {
                path: path.split("__").map(str::to_lowercase).collect(),
                value: literal(&text),
                origin: Origin(name),
            })
        })
        .collect();
    settings.sort_by(|a, b| a.path.cmp(&b.path));
    settings
}

/// Parses `text` as a TOML value, or takes it as plain text if it is not TOML.
fn literal(text: &str) -> Value {
    format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Applies `settings`, weakest first, on top of the defaults.
///
/// # Errors
/// Every setting with an unknown name or a value of the wrong type.
pub(crate) fn assemble<T>(settings: &[Setting]) -> Result<T, Vec<Problem>>
where
    T: Default + Serialize + DeserializeOwned,
{
    let defaults = Table::try_from(T::default())
        .map_err(|error| vec![Problem::of_whole(format!("defaults: {error}"))])?;
    let mut merged = defaults.clone();
    let mut problems = Vec::new();
    for setting in settings {
        match accepted_value::<T>(&defaults, setting) {
            Ok(value) => place_value(&mut merged, &setting.path, value),
            Err(message) => problems.push(Problem {
                origin: Some(setting.origin.clone()),
                message: format!("{}: {message}", setting.path.join(".")),
            }),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    merged
        .try_into()
        .map_err(|error: toml::de::Error| vec![Problem::of_whole(error.message().to_owned())])
}

/// Returns the setting's value in the type that fits, or what is wrong with it.
fn accepted_value<T: DeserializeOwned>(
    defaults: &Table,
    setting: &Setting,
) -> Result<Value, String> {
    let fits = |value: &Value| {
        let mut table = defaults.clone();
        place_value(&mut table, &setting.path, value.clone());
        T::deserialize(Value::Table(table)).map(|_: T| ())
    };
    let Err(error) = fits(&setting.value) else {
        return Ok(setting.value.clone());
    };
    // Environment variables are text: `1234` may be meant as a name.
    let as_text = match &setting.value {
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::String(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    };
    let is_variable = setting.origin.0.starts_with("ETAPPE_");
    if let Some(text) = as_text.filter(|_| is_variable).map(Value::String)
        && fits(&text).is_ok()
    {
        return Ok(text);
    }
    let message = error.message().lines().next().unwrap_or_default();
    if holds_secret(&setting.path) && message.starts_with("invalid") {
        // serde's own message would quote the value.
        return Err("is not text: put it in quotes".to_owned());
    }
    Err(message.to_owned())
}

/// Returns whether a setting's value, or a part of it, must not be shown.
fn holds_secret(path: &[String]) -> bool {
    let is_secret =
        |name: &String| name.contains("password") || name.contains("secret") || name == "url";
    path.iter().any(is_secret) || path.iter().any(|name| name == "properties")
}

fn place_value(table: &mut Table, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => {
            table.insert(name.clone(), value);
        }
        [section, rest @ ..] => {
            let entry = table
                .entry(section.clone())
                .or_insert_with(|| Value::Table(Table::new()));
            if !entry.is_table() {
                *entry = Value::Table(Table::new());
            }
            if let Value::Table(inner) = entry {
                place_value(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Sample {
        name: String,
        limits: Limits,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Limits {
        most: u32,
        least: Option<u32>,
    }

    fn file(text: &str) -> Vec<Setting> {
        settings_of_file(Path::new("e.toml"), text).expect("valid TOML")
    }

    #[test]
    fn stronger_layers_win() {
        let mut settings = file("name = 'a'\n[limits]\nmost = 1\nleast = 0\n");
        let variable = ("ETAPPE_LIMITS__MOST".to_owned(), "2".to_owned());
        settings.extend(settings_of_environment([
            variable,
            ("ETAPPE_BIN".into(), "x".into()),
        ]));
        let sample: Sample = assemble(&settings).expect("no problem");
        let limits = Limits {
            most: 2,
            least: Some(0),
        };
        assert_eq!(
            sample,
            Sample {
                name: "a".to_owned(),
                limits
            }
        );
    }

    #[test]
    fn a_variable_name_may_contain_digits() {
        let setting = Setting {
            path: vec!["name".to_owned()],
            value: literal("1234"),
            origin: Origin("ETAPPE_NAME".to_owned()),
        };
        assert_eq!(assemble::<Sample>(&[setting]).expect("fits").name, "1234");
    }

    #[test]
    fn every_mistake_is_reported_with_file_and_line() {
        let settings = file("nam = 'a'\n[limits]\nmost = 'many'\nleast = -1\n");
        let problems = assemble::<Sample>(&settings).expect_err("three mistakes");
        let texts: Vec<_> = problems.iter().map(Problem::to_string).collect();
        assert_eq!(texts.len(), 3, "{texts:?}");
        assert!(
            texts[0].starts_with("e.toml:1: nam: unknown field"),
            "{texts:?}"
        );
        assert!(
            texts[1].starts_with("e.toml:3: limits.most: invalid type"),
            "{texts:?}"
        );
        assert!(
            texts[2].starts_with("e.toml:4: limits.least: "),
            "{texts:?}"
        );
    }

    #[test]
    fn every_broken_line_is_reported() {
        let problems = settings_of_file(Path::new("e.toml"), "a = \nb = 1\nc = = 2\n");
        let problems = problems.expect_err("two broken lines");
        assert!(problems.len() >= 2, "{problems:?}");
        assert!(
            problems[0].to_string().starts_with("e.toml:1: "),
            "{problems:?}"
        );
    }
}
