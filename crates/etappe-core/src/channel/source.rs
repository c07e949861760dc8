//! The known sources of visitors: sites, apps and names.
//!
//! The lists are files in `config/sources`, compiled in; their README describes the format of an
//! entry. A host is looked up by its suffixes, the longest first, so `mail.google.com` is mail
//! although `google.com` is a search engine.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hashbrown::HashMap;
use serde::Deserialize;

/// The texts of the lists.
const LISTS: [&str; 9] = [
    include_str!("../../../../config/sources/ai.toml"),
    include_str!("../../../../config/sources/browsers.toml"),
    include_str!("../../../../config/sources/email.toml"),
    include_str!("../../../../config/sources/passages.toml"),
    include_str!("../../../../config/sources/search.toml"),
    include_str!("../../../../config/sources/shopping.toml"),
    include_str!("../../../../config/sources/sms.toml"),
    include_str!("../../../../config/sources/social.toml"),
    include_str!("../../../../config/sources/video.toml"),
];

static SOURCES: LazyLock<Sources> = LazyLock::new(|| {
    Sources::of(&LISTS).expect("the lists are part of the program, and a test reads them")
});

/// What visitors do at a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SourceKind {
    /// Visitors search.
    Search,
    /// Visitors meet others.
    Social,
    /// Visitors watch videos.
    Video,
    /// Visitors buy from many shops, or compare them.
    Shopping,
    /// Visitors read mail.
    Email,
    /// Visitors ask an AI assistant.
    Ai,
    /// Visitors read text messages.
    Sms,
    /// Visitors pay, log in or verify something, and go back to where they were.
    Passage,
    /// Visitors use a browser, which says nothing about where they came from.
    Browser,
}

/// A known place that visitors come from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The source's name, in lower case.
    pub(crate) name: String,
    /// What visitors do there.
    pub(crate) kind: SourceKind,
}

/// Returns the source with this host and path. The host must be in lower case.
pub(crate) fn of_host(host: &str, path: &str) -> Option<&'static Source> {
    SOURCES.of_host(host, path)
}

/// Returns the source with this app id. The id must be in lower case.
pub(crate) fn of_app(id: &str) -> Option<&'static Source> {
    let held = SOURCES.hosts.get(id)?;
    SOURCES.all.get(held.whole?)
}

/// Returns the source with this name or host, as in `utm_source`. It must be in lower case.
pub(crate) fn of_name(name: &str) -> Option<&'static Source> {
    if let Some(index) = SOURCES.names.get(name) {
        return SOURCES.all.get(*index);
    }
    if !name.contains('.') {
        return None;
    }
    let host = name.split('/').next().unwrap_or(name);
    let path = name.strip_prefix(host).unwrap_or_default();
    of_app(name).or_else(|| of_host(host, path))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    kind: SourceKind,
    source: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Default)]
struct Sources {
    all: Vec<Source>,
    /// By name, such as `fb`.
    names: HashMap<String, usize>,
    /// By host or app, such as `facebook.com`.
    hosts: HashMap<String, Held>,
    /// By the host without its public suffix: `google` stands for `google.com` and `google.co.uk`.
    stems: HashMap<String, Held>,
}

/// The sources of a host.
#[derive(Debug, Default)]
struct Held {
    /// The source of the whole host.
    whole: Option<usize>,
    /// Whether its subdomains are something else.
    is_alone: bool,
    /// The sources of specific paths.
    paths: Vec<(String, usize)>,
}

impl Sources {
    fn of(lists: &[&str]) -> Result<Self, toml::de::Error> {
        let mut sources = Self::default();
        for text in lists {
            let list: List = toml::from_str(text)?;
            for (name, entries) in list.source {
                let index = sources.all.len();
                for entry in &entries {
                    sources.hold(entry, index);
                }
                if !name.contains('.') {
                    sources.names.insert(name.clone(), index);
                }
                sources.all.push(Source {
                    name,
                    kind: list.kind,
                });
            }
        }
        Ok(sources)
    }

    fn hold(&mut self, entry: &str, index: usize) {
        let (host, path) = match entry.split_once('/') {
            Some((host, path)) => (host, Some(format!("/{path}"))),
            None => (entry, None),
        };
        let bare = host.trim_start_matches('=');
        if !bare.contains('.') || bare.contains(' ') {
            self.names.insert(bare.to_owned(), index);
            return;
        }
        let held = match bare.strip_suffix(".*") {
            Some(stem) => self.stems.entry(stem.to_owned()).or_default(),
            None => self.hosts.entry(bare.to_owned()).or_default(),
        };
        match path {
            Some(path) => held.paths.push((path, index)),
            None => {
                held.whole = Some(index);
                held.is_alone = bare.len() < host.len();
            }
        }
    }

    fn of_host(&self, host: &str, path: &str) -> Option<&Source> {
        let host = host.strip_prefix("www.").unwrap_or(host);
        let index = find(&self.hosts, host, path).or_else(|| {
            let suffix = psl::suffix(host.as_bytes())?;
            // A private suffix hosts unrelated sites: google.blogspot.com is not Google.
            let is_public = suffix.typ() == Some(psl::Type::Icann);
            let end = host.len().checked_sub(suffix.as_bytes().len() + 1)?;
            find(&self.stems, host.get(..end).filter(|_| is_public)?, path)
        })?;
        self.all.get(index)
    }
}

/// Looks a host up, then the host without its first label, and so on.
fn find(hosts: &HashMap<String, Held>, host: &str, path: &str) -> Option<usize> {
    let mut rest = host;
    loop {
        if let Some(held) = hosts.get(rest) {
            let in_path = held.paths.iter().find(|(start, _)| is_below(path, start));
            let found = match in_path {
                Some((_, index)) => Some(*index),
                None => held.whole.filter(|_| !held.is_alone || rest == host),
            };
            if found.is_some() {
                return found;
            }
        }
        (_, rest) = rest.split_once('.')?;
    }
}

/// Returns whether `path` is `start` or a path below it.
fn is_below(path: &str, start: &str) -> bool {
    path.strip_prefix(start)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_can_be_read_and_has_no_duplicate_entry() {
        let mut seen = BTreeMap::new();
        for text in LISTS {
            let list: List = toml::from_str(text).expect("a list");
            for (name, entries) in list.source {
                for entry in entries {
                    assert_eq!(entry, entry.to_lowercase(), "{name}");
                    let bare = entry.trim_start_matches('=').to_owned();
                    assert_eq!(seen.insert(bare, name.clone()), None, "{entry}");
                }
            }
        }
        assert!(seen.len() > 1_500, "{}", seen.len());
    }

    #[test]
    fn hosts_are_matched_by_their_longest_suffix() {
        let cases = [
            ("google.com", "/", Some(("google", SourceKind::Search))),
            (
                "www.google.co.uk",
                "/",
                Some(("google", SourceKind::Search)),
            ),
            ("docs.google.com", "/d", None),
            ("mail.google.com", "/", Some(("gmail", SourceKind::Email))),
            ("google.blogspot.com", "/", None),
            ("google.example.com", "/", None),
            ("notgoogle.com", "/", None),
            (
                "www.google.nl",
                "/shopping/product/1",
                Some(("google-shopping", SourceKind::Shopping)),
            ),
            (
                "www.google.nl",
                "/shoppingcart",
                Some(("google", SourceKind::Search)),
            ),
            (
                "lm.facebook.com",
                "/l.php",
                Some(("facebook", SourceKind::Social)),
            ),
            ("x.com", "/anna", Some(("twitter", SourceKind::Social))),
            ("x.com", "/i/grok?q", Some(("grok", SourceKind::Ai))),
            ("netflix.com", "/", Some(("netflix", SourceKind::Video))),
            ("abnamro.nl", "/nl/prive", None),
            ("com", "", None),
            ("", "", None),
        ];
        for (host, path, expected) in cases {
            let found = of_host(host, path).map(|source| (&*source.name, source.kind));
            assert_eq!(found, expected, "{host}{path}");
        }
    }

    #[test]
    fn names_apps_and_hosts_lead_to_the_same_source() {
        for name in [
            "fb",
            "facebook",
            "facebook.com",
            "m.facebook.com",
            "com.facebook.katana",
        ] {
            assert_eq!(
                of_name(name).map(|source| &*source.name),
                Some("facebook"),
                "{name}"
            );
        }
        assert_eq!(
            of_app("facebook.com").map(|source| &*source.name),
            Some("facebook")
        );
        assert!(of_name("spring").is_none() && of_app("org.example.app").is_none());
    }
}
