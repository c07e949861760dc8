//! Refuses statements that reach outside the engine, and whatever a reader may not do.
//!
//! The engine's grants refuse most of it (see [`crate::server_config`]). They do not cover, as
//! tried: the function `file()`, `executable()`, dictionaries with a file, program or network
//! source, tables and databases on files, and `INTO OUTFILE`, which the library itself carries
//! out. So names are looked at here, before a statement is handed over.

use super::lexer::{Kind, Token};
use super::{Statement, StatementKind};
use crate::credentials::Role;
use crate::exception::{Exception, code};

/// Functions that read or write outside the engine, by the beginning of their names.
const OUTSIDE_PREFIXES: &[&str] = &[
    "s3",
    "gcs",
    "azureblobstorage",
    "hdfs",
    "iceberg",
    "deltalake",
    "hudi",
    "paimon",
    "ytsaurus",
    "executable",
    "arrow",
    "prometheus",
    "timeseries",
    "ai",
    "kafka",
    "nats",
    "rabbitmq",
];

/// Functions that read or write outside the engine, by their whole names.
const OUTSIDE_NAMES: &[&str] = &[
    "file",
    "filecluster",
    "url",
    "urlcluster",
    "remote",
    "remotesecure",
    "cluster",
    "clusterallreplicas",
    "oss",
    "cosn",
    "mysql",
    "postgresql",
    "mongodb",
    "redis",
    "sqlite",
    "odbc",
    "jdbc",
    "python",
    "disk",
    "catboostevaluate",
    "filesystem",
];

/// Engines of tables and databases that keep their data inside the engine. All of MergeTree's
/// family is allowed too.
const INSIDE_ENGINES: &[&str] = &[
    "memory",
    "null",
    "log",
    "tinylog",
    "stripelog",
    "set",
    "join",
    "buffer",
    "merge",
    "dictionary",
    "view",
    "materializedview",
    "generaterandom",
    "atomic",
    "lazy",
];

/// Sources of dictionaries that stay inside the engine.
const INSIDE_SOURCES: &[&str] = &["clickhouse", "null"];

/// Refuses the statement if it may not be run in this role.
pub(crate) fn check(statement: &Statement<'_>, role: Role) -> Result<(), Exception> {
    let tokens = statement.tokens.as_slice();
    if is_client_command(tokens) {
        return Err(Exception::new(
            code::SYNTAX_ERROR,
            "Syntax error: not a statement. (SYNTAX_ERROR)",
        ));
    }
    let may_run = match statement.kind {
        StatementKind::Select | StatementKind::Inspect => true,
        StatementKind::InsertData(_) | StatementKind::Insert | StatementKind::Other => {
            role == Role::Writer
        }
    };
    if !may_run {
        return Err(Exception::new(
            code::READONLY,
            "this user may only read: SELECT, SHOW, DESCRIBE, EXPLAIN, EXISTS. (READONLY)",
        ));
    }
    for index in 0..tokens.len() {
        if let Some(what) = reaches_outside(tokens, index) {
            return Err(Exception::new(
                code::ACCESS_DENIED,
                format!("{what} is refused: this engine does not reach outside. (ACCESS_DENIED)"),
            ));
        }
    }
    Ok(())
}

/// The library takes some words alone as commands of an interactive client.
fn is_client_command(tokens: &[Token<'_>]) -> bool {
    match tokens {
        [first, ..] if !matches!(first.kind, Kind::Word | Kind::Sign(b'(')) => true,
        [word]
        | [
            word,
            Token {
                kind: Kind::Sign(b';'),
                ..
            },
        ] => ["exit", "quit", "logout", "q"]
            .iter()
            .any(|command| word.is_word(command)),
        _ => false,
    }
}

/// Returns what reaches outside at this token, if anything does.
fn reaches_outside(tokens: &[Token<'_>], index: usize) -> Option<String> {
    let token = tokens.get(index)?;
    let next = tokens.get(index + 1);
    let follows = |word: &str| index > 0 && tokens.get(index - 1).is_some_and(|t| t.is_word(word));
    if token.is_word("OUTFILE") && follows("INTO") {
        return Some("INTO OUTFILE".to_owned());
    }
    if token.is_word("INFILE") && follows("FROM") {
        return Some("FROM INFILE".to_owned());
    }
    let is_call = next.is_some_and(|next| next.is_sign(b'('));
    let is_table_name = follows("TABLE") || follows("INTO") || follows("EXISTS");
    if is_call && !is_table_name {
        let name = token.name()?;
        if is_outside_function(&name) {
            return Some(format!("the function `{name}`"));
        }
        if token.is_word("SOURCE") {
            let source = tokens.get(index + 2)?.name()?;
            let is_definition = tokens
                .get(index + 3)
                .is_some_and(|token| token.is_sign(b'('));
            if is_definition && !INSIDE_SOURCES.contains(&source.as_str()) {
                return Some(format!("the dictionary source `{source}`"));
            }
        }
    }
    if token.is_word("ENGINE") {
        let name = next
            .filter(|next| !next.is_sign(b'='))
            .or_else(|| tokens.get(index + 2))?;
        let is_definition = next.is_some_and(|next| next.is_sign(b'='))
            || tokens
                .first()
                .is_some_and(|first| first.is_word("CREATE") || first.is_word("ATTACH"));
        let name = name.name()?;
        if is_definition && name_of_outside_engine(&name, tokens) {
            return Some(format!("the engine `{name}`"));
        }
    }
    None
}

fn is_outside_function(name: &str) -> bool {
    OUTSIDE_NAMES.contains(&name)
        || OUTSIDE_PREFIXES.iter().any(|prefix| {
            name.strip_prefix(prefix).is_some_and(|rest| {
                // `arrow` and `ai` also begin harmless names.
                match *prefix {
                    "arrow" => rest.starts_with("stream") || rest.starts_with("flight"),
                    "ai" => rest.starts_with("generate") || rest.starts_with("embed"),
                    "timeseries" => rest.is_empty() || rest.starts_with("data"),
                    _ => true,
                }
            })
        })
}

/// Only statements that make something name an engine; elsewhere `engine = 'x'` compares a column.
fn name_of_outside_engine(name: &str, tokens: &[Token<'_>]) -> bool {
    let makes_something = tokens.first().is_some_and(|first| {
        ["CREATE", "ATTACH", "REPLACE", "ALTER"]
            .iter()
            .any(|word| first.is_word(word))
    });
    makes_something && !name.ends_with("mergetree") && !INSIDE_ENGINES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str, role: Role) -> Result<(), i32> {
        let statement = Statement::read(text.as_bytes(), true).map_err(|error| error.code)?;
        check(&statement, role).map_err(|error| error.code)
    }

    #[test]
    fn nobody_reaches_files_networks_or_programs() {
        for text in [
            "SELECT file('/etc/passwd')",
            "SELECT * FROM File ( '/etc/passwd', 'TSV')",
            "SELECT * FROM `file`('/etc/passwd')",
            "SELECT * FROM \"url\"('http://127.0.0.1')",
            "SELECT * FROM/**/s3('x')",
            "SELECT * FROM s3Cluster('x')",
            "SELECT * FROM executable('x', 'TSV', 'a String')",
            "SELECT * FROM remote('127.0.0.1', system.one)",
            "SELECT * FROM icebergS3('x')",
            "SELECT * FROM arrowStream('1')",
            "INSERT INTO FUNCTION file('/tmp/x') SELECT 1",
            "INSERT INTO FUNCTION url('http://x') FORMAT CSV\n1",
            "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV",
            "SELECT 1 INTO OUTFILE '/tmp/x'",
            "SELECT 1 into -- x\n outfile '/tmp/x'",
            "CREATE TABLE t (a UInt8) ENGINE = File(CSV)",
            "CREATE TABLE t (a UInt8) ENGINE URL('http://x')",
            "CREATE TABLE t (a UInt8) ENGINE = `S3`('http://x')",
            "CREATE DATABASE d ENGINE = Filesystem('/etc')",
            "CREATE DATABASE d ENGINE = PostgreSQL('h', 'd', 'u', 'p')",
            "CREATE DICTIONARY d (a UInt64) PRIMARY KEY a SOURCE(EXECUTABLE(COMMAND 'id' FORMAT 'TSV')) LAYOUT(FLAT())",
            "CREATE DICTIONARY d (a UInt64) PRIMARY KEY a SOURCE(FILE(PATH '/x' FORMAT 'TSV')) LAYOUT(FLAT())",
            "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = '/x')",
        ] {
            assert_eq!(
                outcome(text, Role::Writer),
                Err(code::ACCESS_DENIED),
                "{text}"
            );
        }
    }

    #[test]
    fn ordinary_statements_pass() {
        for text in [
            "SELECT url, file FROM t WHERE url IN ('a') AND file = 'INTO OUTFILE'",
            "SELECT arrayMap(x -> x, [1]), arrowCount FROM t",
            "SELECT engine FROM system.tables WHERE engine = 'S3'",
            "CREATE TABLE file (url String) ENGINE = ReplacingMergeTree ORDER BY url",
            "CREATE TABLE IF NOT EXISTS url (a UInt8) ENGINE = MergeTree() ORDER BY a",
            "CREATE MATERIALIZED VIEW v TO t AS SELECT 1",
            "CREATE DICTIONARY d (a UInt64) PRIMARY KEY a SOURCE(CLICKHOUSE(TABLE 't')) LAYOUT(FLAT())",
            "INSERT INTO url (a) VALUES (1)",
            "INSERT INTO file FORMAT CSV\n1",
            "INSERT INTO t (source) SELECT source FROM s",
            "ALTER TABLE t ADD COLUMN engine String",
            "KILL QUERY WHERE 1",
        ] {
            assert_eq!(outcome(text, Role::Writer), Ok(()), "{text}");
        }
    }

    #[test]
    fn readers_only_read() {
        for text in [
            "SELECT 1",
            "WITH 1 AS x SELECT x",
            "SHOW TABLES",
            "DESC t",
            "EXPLAIN SELECT 1",
        ] {
            assert_eq!(outcome(text, Role::Reader), Ok(()), "{text}");
        }
        for text in [
            "KILL QUERY WHERE 1",
            "SET readonly = 0",
            "INSERT INTO t VALUES (1)",
            "INSERT INTO t FORMAT CSV\n1",
            "USE x",
            "SYSTEM FLUSH LOGS",
            "DROP TABLE t",
            "CHECK TABLE t",
        ] {
            assert_eq!(outcome(text, Role::Reader), Err(code::READONLY), "{text}");
        }
    }

    #[test]
    fn commands_of_an_interactive_client_are_no_statements() {
        for text in ["exit", "quit;", "\\l", "? help", "q"] {
            assert_eq!(
                outcome(text, Role::Writer),
                Err(code::SYNTAX_ERROR),
                "{text}"
            );
        }
    }
}
