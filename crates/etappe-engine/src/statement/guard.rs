//! Refuses statements that reach outside the engine or that the login may not run.
//!
//! The engine's grants refuse most of them (see [`crate::server_config`]). Tests showed that grants
//! do not cover the function `file()`, `executable()`, dictionaries with a file, program or network
//! source, tables and databases on files, and `INTO OUTFILE`, which the library itself executes. So
//! names are checked here before the engine gets the statement. Only listed names may be called
//! (see [`super::names`]), and the engine's process is also sandboxed (see [`crate::fence`]).

use super::backup;
use super::call::function_named;
use super::lexer::{Token, TokenKind};
use super::{Statement, StatementKind, names, reader};
use crate::credentials::Role;
use crate::exception::{Exception, code};

/// Who runs a statement, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StatementContext<'request> {
    pub(crate) role: Role,
    /// Whether the request is a `GET`, which may not change anything in any role.
    pub(crate) is_read_only: bool,
    /// The format of the result.
    pub(crate) format: &'request str,
}

/// First words of statements that neither only read nor insert.
const CHANGES: &[&str] = &[
    "ALTER", "ATTACH", "BACKUP", "CHECK", "CREATE", "DELETE", "DETACH", "DROP", "EXCHANGE", "KILL",
    "OPTIMIZE", "RENAME", "REPLACE", "RESTORE", "SET", "SYSTEM", "TRUNCATE", "UNDROP", "UPDATE",
    "USE",
];

/// Words before a table name whose parenthesis lists columns and is not a call.
const BEFORE_COLUMNS: &[&str] = &[
    "TABLE",
    "CLUSTER",
    "INTO",
    "EXISTS",
    "VIEW",
    "DICTIONARY",
    "PROJECTION",
];

/// Refuses the statement unless it may run. Returns called names that can only be parameterized
/// views; the statement may run if the engine confirms that they are.
pub(crate) fn check(
    statement: &Statement<'_>,
    context: StatementContext<'_>,
) -> Result<Vec<String>, Exception> {
    let tokens = statement.tokens.as_slice();
    if is_client_command(tokens) || !is_known(statement) {
        return Err(Exception::new(
            code::SYNTAX_ERROR,
            "Syntax error: not a statement. (SYNTAX_ERROR)",
        ));
    }
    let only_reads = statement.kind.only_reads();
    if !only_reads && context.role == Role::Reader {
        return Err(Exception::new(
            code::READONLY,
            "this user may only read: SELECT, SHOW, DESCRIBE, EXPLAIN, EXISTS. (READONLY)",
        ));
    }
    if !only_reads && context.is_read_only {
        return Err(Exception::new(
            code::READONLY,
            "GET only reads; send this statement with POST. (READONLY)",
        ));
    }
    if context.role == Role::Reader {
        reader::check(tokens, context.format)?;
    }
    if backup::begins(tokens) {
        return match backup::is_plain(tokens) {
            true => Ok(Vec::new()),
            false => Err(outside("a backup of this form")),
        };
    }
    let mut views = Vec::new();
    for index in 0..tokens.len() {
        match called(statement, index, context.role) {
            Call::Nothing => {}
            Call::View(name) => views.push(name),
            Call::Refused(what) => return Err(outside(&what)),
        }
        if let Some(what) = reaches_outside(statement, index) {
            return Err(outside(&what));
        }
    }
    Ok(views)
}

/// Returns the error for a statement that names `what`.
pub(crate) fn outside(what: &str) -> Exception {
    let text = format!(
        "{what} is refused: it is not on the list of what this engine allows. (ACCESS_DENIED)"
    );
    Exception::new(code::ACCESS_DENIED, text)
}

/// Returns whether the statement begins with a known word.
fn is_known(statement: &Statement<'_>) -> bool {
    match statement.kind {
        StatementKind::Other => statement
            .tokens
            .first()
            .is_some_and(|first| CHANGES.iter().any(|word| first.is_word(word))),
        StatementKind::Select
        | StatementKind::Inspect
        | StatementKind::Insert
        | StatementKind::InsertData(_) => true,
    }
}

/// The library executes some single words as commands of an interactive client.
fn is_client_command(tokens: &[Token<'_>]) -> bool {
    match tokens {
        [first, ..] if !matches!(first.kind, TokenKind::Word | TokenKind::Sign(b'(')) => true,
        [word]
        | [
            word,
            Token {
                kind: TokenKind::Sign(b';'),
                ..
            },
        ] => ["exit", "quit", "logout", "q"]
            .iter()
            .any(|command| word.is_word(command)),
        _ => false,
    }
}

/// The target of a call at a token.
enum Call {
    Nothing,
    /// A name that must be a view.
    View(String),
    Refused(String),
}

/// Returns whether the statement is `EXPLAIN AST` of one that changes something; it is only parsed,
/// not run.
fn shows_syntax_of_change(tokens: &[Token<'_>]) -> bool {
    let [explain, ast, first, ..] = tokens else {
        return false;
    };
    let is_change = CHANGES.iter().any(|word| first.is_word(word));
    explain.is_word("EXPLAIN") && ast.is_word("AST") && is_change
}

/// Looks for a call at this token: a name before a parenthesis, or after `APPLY`.
fn called(statement: &Statement<'_>, index: usize, role: Role) -> Call {
    let tokens = statement.tokens.as_slice();
    let Some(token) = tokens.get(index) else {
        return Call::Nothing;
    };
    if token.is_word("APPLY") && !is_part_of_name(tokens, index) {
        return applied(tokens, index);
    }
    if !tokens.get(index + 1).is_some_and(|next| next.is_sign(b'(')) {
        return Call::Nothing;
    }
    if matches!(token.kind, TokenKind::Text | TokenKind::Sign(b'}')) {
        return Call::Refused("a call of something that is not a name".to_owned());
    }
    let (Some(exact), Some(name)) = (token.exact_name(), token.name()) else {
        return Call::Nothing;
    };
    let given = tokens.get(index + 1..).unwrap_or_default();
    if let Some(function) = function_named(&name, given)
        && (!names::is_function(&function) || names::is_named_by_text(&function))
    {
        return Call::Refused(format!("`{function}` as the function of `{exact}`"));
    }
    if names::is_named_by_text(&name) {
        return named_by_text(tokens, index, exact);
    }
    // After a dot it is part of another name: `array.map(…)` does not call `map`.
    if names::may_be_called(&name) && !is_part_of_name(tokens, index) {
        return Call::Nothing;
    }
    if role == Role::Writer {
        let defines = !statement.kind.only_reads() || shows_syntax_of_change(tokens);
        let is_definition = defines && (names::may_define(&name) || names_table(tokens, index));
        if is_definition || names::is_for_the_writer(&name) {
            return Call::Nothing;
        }
    }
    let is_plain = exact
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_plain {
        Call::View(exact)
    } else {
        Call::Refused(format!("a call of `{exact}`"))
    }
}

/// Returns whether a dot and another name precede this token; in `1.` the dot is part of a number.
fn is_part_of_name(tokens: &[Token<'_>], index: usize) -> bool {
    let before = |count| index.checked_sub(count).and_then(|index| tokens.get(index));
    let follows_dot = before(1).is_some_and(|token| token.is_sign(b'.'));
    let is_number = before(2).is_some_and(|token| {
        token.kind == TokenKind::Word && token.bytes.first().is_some_and(u8::is_ascii_digit)
    });
    follows_dot && !is_number
}

/// `arrayReduce('quantile(0.5)', …)`: the text must be the whole argument and a plain name.
fn named_by_text(tokens: &[Token<'_>], index: usize, name: String) -> Call {
    match (tokens.get(index + 2), tokens.get(index + 3)) {
        (Some(text), Some(comma))
            if text.kind == TokenKind::Text
                && names::is_plain_function(text.bytes)
                && comma.is_sign(b',') =>
        {
            Call::Nothing
        }
        _ => Call::Refused(format!(
            "`{name}` of something other than a plain name in quotes"
        )),
    }
}

/// `* APPLY name`, `* APPLY(name)`, `* APPLY(name, …)` and `* APPLY(x -> …)`.
fn applied(tokens: &[Token<'_>], index: usize) -> Call {
    let at = match tokens.get(index + 1) {
        Some(next) if next.is_sign(b'(') => index + 2,
        _ => index + 1,
    };
    let Some(name) = tokens.get(at).and_then(Token::name) else {
        return Call::Nothing;
    };
    let is_lambda = tokens.get(at + 1).is_some_and(|next| next.is_sign(b'-'))
        && tokens.get(at + 2).is_some_and(|next| next.is_sign(b'>'));
    let is_plain = names::is_function(&name) && !names::is_named_by_text(&name);
    if is_lambda || is_plain || names::is_query_word(&name) {
        Call::Nothing
    } else {
        Call::Refused(format!("APPLY with `{name}`"))
    }
}

/// Returns whether the name at `index` is a table name followed by columns.
fn names_table(tokens: &[Token<'_>], index: usize) -> bool {
    let is_word_before_columns = |index: Option<usize>| {
        index
            .and_then(|index| tokens.get(index))
            .is_some_and(|token| BEFORE_COLUMNS.iter().any(|word| token.is_word(word)))
    };
    let has_database = index
        .checked_sub(1)
        .and_then(|before| tokens.get(before))
        .is_some_and(|before| before.is_sign(b'.'));
    is_word_before_columns(index.checked_sub(if has_database { 3 } else { 1 }))
}

/// Returns what at this token reaches outside other than by a call, if anything.
fn reaches_outside(statement: &Statement<'_>, index: usize) -> Option<String> {
    let tokens = statement.tokens.as_slice();
    let token = tokens.get(index)?;
    let next = tokens.get(index + 1);
    let follows = |word: &str| index > 0 && tokens.get(index - 1).is_some_and(|t| t.is_word(word));
    if token.is_word("OUTFILE") && follows("INTO") {
        return Some("INTO OUTFILE".to_owned());
    }
    if token.is_word("INFILE") && follows("FROM") {
        return Some("FROM INFILE".to_owned());
    }
    if next.is_some_and(|next| next.is_sign(b'=')) {
        let name = token.exact_name()?;
        if names::is_file_setting(&name) {
            return Some(format!("the setting `{name}`"));
        }
    }
    if statement.kind.only_reads() {
        return None;
    }
    if statement.kind == StatementKind::Other && token.kind == TokenKind::Text && follows("FROM") {
        return Some("FROM with a path".to_owned());
    }
    if token.is_word("SOURCE") && next.is_some_and(|next| next.is_sign(b'(')) {
        let source = tokens.get(index + 2)?.name()?;
        if !names::is_inside_source(&source) {
            return Some(format!("the dictionary source `{source}`"));
        }
    }
    if token.is_word("ENGINE") {
        let is_assigned = next.is_some_and(|next| next.is_sign(b'='));
        let name = tokens
            .get(index + if is_assigned { 2 } else { 1 })?
            .name()?;
        let first = tokens.first()?;
        let makes_something = ["CREATE", "ATTACH", "REPLACE"]
            .iter()
            .any(|word| first.is_word(word));
        let is_definition = makes_something || (is_assigned && first.is_word("ALTER"));
        if is_definition && !names::is_inside_engine(&name) {
            return Some(format!("the engine `{name}`"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn views(text: &str, role: Role) -> Result<Vec<String>, i32> {
        let statement = Statement::read(text.as_bytes(), true).map_err(|error| error.code)?;
        let format = statement.format.clone().unwrap_or_else(|| "TSV".to_owned());
        let context = StatementContext {
            role,
            is_read_only: false,
            format: &format,
        };
        check(&statement, context).map_err(|error| error.code)
    }

    /// In these tests no called name is a view.
    fn outcome(text: &str, role: Role) -> Result<(), i32> {
        match views(text, role)?.as_slice() {
            [] => Ok(()),
            [..] => Err(code::ACCESS_DENIED),
        }
    }

    /// Statements that reach outside, or might.
    const OUTSIDE: &[&str] = &[
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
        "SELECT * FROM x, file('x')",
        "SELECT * APPLY(file) FROM t",
        "SELECT * APPLY file FROM t",
        "SELECT COLUMNS('a') APPLY `file` FROM t",
        "SELECT * APPLY(x -> file(x)) FROM t",
        "SELECT arrayMap(file, ['/etc/passwd'])",
        "SELECT arrayMap(`file`, ['/etc/passwd'])",
        "SELECT `arrayMap`((file), ['/etc/passwd'])",
        "SELECT arrayMap(((file)) AS f, ['/etc/passwd'])",
        "SELECT ARRAYSORT(file, ['/etc/passwd'])",
        "SELECT mapApply(file, map('/etc/passwd', 1))",
        "SELECT arrayFold(file, ['/etc/passwd'], '')",
        "SELECT arrayMap(arrayReduce, ['sum(file(1))'], [[1]])",
        "WITH x -> file(x) AS f SELECT arrayMap(f, ['/etc/passwd'])",
        "SELECT 'file'('x')",
        "SELECT {f:Identifier}('x')",
        "DESCRIBE TABLE file('x')",
        "EXISTS file('x')",
        "SELECT * FROM values('a UInt8 DEFAULT file(1)', 1)",
        "SELECT * FROM generateRandom('a UInt8 DEFAULT file(1)')",
        "SELECT structureToProtobufSchema('a UInt8 DEFAULT file(1)')",
        "SELECT * FROM eval('SELECT 1')",
        "SELECT 1 ORDER BY 1 WITH FILL TO file('x')",
        "SELECT array.Map(x -> x, [1])",
        "SELECT `x`.sum(1)",
        "SELECT fileIf('x', 1)",
        "SELECT arrayReduce('quantile(toFloat64(file(1)))', [1])",
        "SELECT arrayReduce('su' || 'm', [1])",
        "SELECT arrayReduce(f, [1]) FROM t",
        "SELECT initializeAggregation('quantile(file(1))', 1)",
        "SELECT arrayReduceInRanges('sum(file(1))', [(1, 1)], [1])",
        "SELECT * APPLY(arrayReduce, [1]) FROM (SELECT 'quantile(file(1))')",
        "SELECT convertCharset('a', 'b', '/x')",
        "SELECT formatRow('Template', 1), groupFormat('Template')(1)",
        "CREATE VIEW v AS SELECT file('x')",
        "CREATE TABLE t AS file('x')",
        "CREATE TABLE t (a String DEFAULT file('x')) ENGINE = Memory",
        "ALTER TABLE t UPDATE a = file('x') WHERE 1",
        "INSERT INTO t SELECT file('x')",
        "INSERT INTO t VALUES (file('x'))",
        "INSERT INTO TABLE FUNCTION file('x') SELECT 1",
        "SELECT 1 FORMAT Template SETTINGS format_template_resultset = '/etc/passwd'",
        "INSERT INTO t SETTINGS format_schema = '/x:M' FORMAT Protobuf",
        "INSERT INTO t FORMAT Protobuf SETTINGS format_schema = '/x:M'",
        "ATTACH TABLE t FROM '/etc' (a UInt8) ENGINE = MergeTree ORDER BY a",
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
    ];

    #[test]
    fn apply_after_a_dot_is_a_name_like_any_other() {
        assert_eq!(outcome("SELECT * APPLY(sum) FROM t", Role::Reader), Ok(()));
        assert!(outcome("SELECT x.APPLY(sum) FROM t", Role::Reader).is_err());
    }

    #[test]
    fn the_writer_may_explain_the_syntax_of_a_definition() {
        let definition = "EXPLAIN AST CREATE TABLE t (x UInt8) ENGINE = MergeTree ORDER BY x";
        assert_eq!(outcome(definition, Role::Writer), Ok(()));
        for outside in [
            "EXPLAIN AST CREATE TABLE t AS SELECT * FROM file('/x')",
            "EXPLAIN AST SELECT * FROM t (x)",
            "EXPLAIN AST CREATE TABLE t ON CLUSTER c (x UInt8) AS file('/x')",
            "EXPLAIN SYNTAX CREATE TABLE t (x UInt8) ENGINE = MergeTree ORDER BY x",
        ] {
            assert!(outcome(outside, Role::Writer).is_err(), "{outside}");
        }
    }

    #[test]
    fn no_statement_reaches_files_networks_or_programs() {
        for text in OUTSIDE {
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
            "SELECT arrayMap(lower, names), arraySort(file), arraySum((file)), arrayPartialSort(2, file) FROM t",
            "SELECT arrayMap((x, y) -> x + y, file, url), arrayFold((a, x) -> a + x, file, 0) FROM t",
            "SELECT sumIf(a, b), uniqExactOrNullIf(a, b), quantile(0.5)(a) FROM numbers(3)",
            "SELECT CAST(a AS Decimal(10, 2)), row_number() OVER (ORDER BY (a, b)) FROM t",
            "SELECT * APPLY(sum), * APPLY max, * APPLY(x -> x + 1) FROM t",
            "SELECT a FROM t WHERE a > 1. AND (a < 2) AND t.b IN (1, 2)",
            "SELECT arrayReduce('sum', [1]), arrayReduce('quantile(0.5)', [1])",
            "SELECT sleep(1)",
            "INSERT INTO d.file (a) FORMAT CSV\n1",
            "CREATE TABLE t (a UInt8 CODEC(Delta(1), ZSTD(3)), INDEX i a TYPE bloom_filter(0.01)) ENGINE = SummingMergeTree(a) PARTITION BY (a) ORDER BY (a)",
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
    fn readers_can_only_read() {
        for text in [
            "SELECT 1",
            "WITH 1 AS x SELECT x",
            "SHOW TABLES",
            "SHOW CREATE TABLE t",
            "DESC t",
            "EXPLAIN SELECT 1",
            "EXPLAIN indexes = 1, header = 1 SELECT 1",
            "EXPLAIN QUERY TREE SELECT 1",
            "SELECT name FROM system.tables",
            "SELECT format FROM t FORMAT JSON",
            "SELECT `settings`, \"into\" FROM t",
            "SELECT 1 AS \"Umsatz in €\" FORMAT CSVWithNames",
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
            "SHOW PROCESSLIST",
            "SHOW SETTINGS LIKE 'x'",
            "SHOW GRANTS",
            "SHOW USERS",
            "EXPLAIN INSERT INTO t SELECT 1",
            "EXPLAIN AST CREATE TABLE t (a UInt8) ENGINE = Memory",
            "EXPLAIN TABLE OVERRIDE mysql('h:1', 'd', 't', 'u', 'p') COLUMNS (a UInt8)",
            "SELECT * FROM (EXPLAIN AST DROP TABLE t)",
            "SELECT 1 SETTINGS max_threads = 1",
            "SELECT 1 PARALLEL WITH DROP TABLE t",
            "SELECT 1 INTO OUTFILE 'x'",
            "WITH 1 AS x INSERT INTO t SELECT x",
        ] {
            assert_eq!(outcome(text, Role::Reader), Err(code::READONLY), "{text}");
        }
        for text in [
            "SELECT sleep(1)",
            "SELECT hostName(), getServerSetting('x'), getMacro('x')",
            "SELECT query FROM system.processes",
            "SELECT * FROM `system`.\"query_log\"",
            "SELECT * FROM SYSTEM . settings",
            "SELECT 1 FORMAT Template",
            "SELECT 1 FORMAT `Protobuf`",
            "SELECT * FROM {t:Identifier}",
            "SELECT a FROM v(b = 1)",
        ] {
            let refused = Err(code::ACCESS_DENIED);
            assert_eq!(outcome(text, Role::Reader), refused, "{text}");
        }
    }

    #[test]
    fn a_call_of_an_unknown_name_is_allowed_only_for_views() {
        let called = views(
            "SELECT * FROM d.kpi_Orders(a = 1) JOIN x(b = 2) ON 1",
            Role::Reader,
        );
        assert_eq!(called, Ok(vec!["kpi_Orders".to_owned(), "x".to_owned()]));
        let odd = views("SELECT * FROM `a'b`(a = 1)", Role::Reader);
        assert_eq!(odd, Err(code::ACCESS_DENIED));
    }

    #[test]
    fn a_get_request_can_only_read_for_any_role() {
        let outcome = |text: &str| {
            let statement = Statement::read(text.as_bytes(), true).unwrap();
            let context = StatementContext {
                role: Role::Writer,
                is_read_only: true,
                format: "TSV",
            };
            check(&statement, context).map_err(|error| error.code)
        };
        assert!(outcome("SELECT 1").is_ok() && outcome("SHOW PROCESSLIST").is_ok());
        for text in [
            "DROP TABLE t",
            "INSERT INTO t VALUES (1)",
            "INSERT INTO t FORMAT CSV\n1",
            "KILL QUERY WHERE 1",
            "SYSTEM STOP MERGES",
        ] {
            assert_eq!(outcome(text), Err(code::READONLY), "{text}");
        }
    }

    #[test]
    fn a_statement_with_an_unknown_first_word_is_refused() {
        for text in ["EXECUTE AS x", "GRANT ALL ON *.* TO x", "BEGIN"] {
            assert_eq!(
                outcome(text, Role::Writer),
                Err(code::SYNTAX_ERROR),
                "{text}"
            );
        }
    }

    #[test]
    fn commands_of_the_interactive_client_are_refused() {
        for text in ["exit", "quit;", "\\l", "? help", "q"] {
            assert_eq!(
                outcome(text, Role::Writer),
                Err(code::SYNTAX_ERROR),
                "{text}"
            );
        }
    }
}
