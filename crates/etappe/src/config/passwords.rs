//! Reads passwords from files, so that they need not appear on the command line or in variables.

use std::path::PathBuf;

use etappe_log::kafka::Secret;

use super::{Config, Problem};

impl Config {
    /// Reads the passwords stored in files and returns the problems found.
    pub(super) fn read_passwords(&mut self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut read = |setting: &str, file: &Option<PathBuf>, is_set: bool| {
            let found = read(setting, file.as_ref()?, is_set);
            found.map_err(|problem| problems.push(problem)).ok()
        };
        let (kafka, clickhouse) = (&mut self.kafka.security, &mut self.clickhouse);
        let is_set = !clickhouse.password.is_empty();
        if let Some(text) = read("clickhouse.password", &clickhouse.password_file, is_set) {
            clickhouse.password = text;
        }
        let is_set = kafka.password.is_some();
        if let Some(text) = read("kafka.security.password", &kafka.password_file, is_set) {
            kafka.password = Some(Secret::new(text));
        }
        let (file, is_set) = (&kafka.key_password_file, kafka.key_password.is_some());
        if let Some(text) = read("kafka.security.key_password", file, is_set) {
            kafka.key_password = Some(Secret::new(text));
        }
        let oidc = &mut self.oidc;
        let (file, is_set) = (&oidc.client_secret_file, !oidc.client_secret.is_empty());
        if let Some(text) = read("oidc.client_secret", file, is_set) {
            oidc.client_secret = text;
        }
        problems
    }
}

fn read(setting: &str, file: &PathBuf, is_set: bool) -> Result<String, Problem> {
    let problem = |message: String| Problem::of_whole(format!("{setting}_file: {message}"));
    if is_set {
        return Err(problem(format!(
            "`{setting}` is set as well: remove one of the two"
        )));
    }
    let shown = file.display();
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| problem(format!("cannot read {shown}: {error}")))?;
    match text.trim_end_matches(['\n', '\r']) {
        "" => Err(problem(format!("{shown} is empty"))),
        password => Ok(password.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ConfigSource;
    use crate::config::{BadConfiguration, Needs};

    fn load(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("password"), "hush \n").expect("written");
        std::fs::write(path("empty"), "\n").expect("written");
        let text = text.replace("DIR", &folder.path().display().to_string());
        std::fs::write(path("etappe.toml"), text).expect("written");
        let source = ConfigSource {
            file: Some(path("etappe.toml")),
        };
        Config::load(&source, Vec::new(), Needs::NOTHING).map_err(|error| {
            let problems = error.downcast::<BadConfiguration>().expect("of that kind");
            let lines = problems.0.iter().map(ToString::to_string);
            lines.collect::<Vec<_>>().join("; ")
        })
    }

    #[test]
    fn a_password_is_read_from_a_file_and_never_shown() {
        let config = load(
            "[clickhouse]\nurl = 'https://u@h:8443'\npassword_file = 'DIR/password'\n\
             [kafka]\nbrokers = 'h:1'\n[kafka.security]\nprotocol = 'sasl_ssl'\nusername = 'u'\n\
             password_file = 'DIR/password'\n\
             [web]\npublic_url = 'https://e.example'\n\
             [oidc]\nissuer = 'https://o.example'\nclient_id = 'e'\n\
             client_secret_file = 'DIR/password'\n",
        );
        let config = config.expect("good");
        assert_eq!(config.clickhouse.password, "hush ");
        assert_eq!(config.kafka.security.password, Some(Secret::new("hush ")));
        assert_eq!(config.oidc.client_secret, "hush ");
        let shown = format!("{config:?} {}", toml::to_string(&config).expect("text"));
        assert!(!shown.contains("hush"), "{shown}");
    }

    #[test]
    fn an_unusable_password_file_is_reported() {
        let found = load("[clickhouse]\npassword_file = 'DIR/nowhere'\n").expect_err("no file");
        assert!(
            found.contains("clickhouse.password_file: cannot read"),
            "{found}"
        );
        let found = load("[clickhouse]\npassword_file = 'DIR/empty'\n").expect_err("empty");
        assert!(found.contains("is empty"), "{found}");
        let found = load("[clickhouse]\npassword = 'hush'\npassword_file = 'DIR/password'\n");
        let found = found.expect_err("two");
        assert!(
            found.contains("remove one of the two") && !found.contains("hush"),
            "{found}"
        );
    }

    #[test]
    fn a_password_of_the_wrong_type_is_not_shown() {
        for text in [
            "[clickhouse]\npassword = 73537\n",
            "[kafka.security]\npassword = 73537\n",
            "[kafka.properties]\n'ssl.key.pasword' = 73537\n",
            "[clickhouse]\nurl = 73537\n",
            "[clickhouse.password]\nx = 73537\n",
            "[oidc]\nclient_secret = 73537\n",
        ] {
            let found = load(text).expect_err("a number is not text");
            assert!(!found.contains("73537"), "{found}");
        }
        let found = load("[collector]\nbatch_events = '73537x'\n").expect_err("no number");
        assert!(found.contains("73537x"), "{found}");
    }
}
