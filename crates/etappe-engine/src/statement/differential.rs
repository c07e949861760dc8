//! Compares the checks here with the engine's own parser on random statements, and the lists of
//! names with the engine's own.

use std::ffi::CString;
use std::path::PathBuf;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::guard::{StatementContext, check};
use super::{Statement, names};
use crate::credentials::Role;
use crate::ffi::{Connection, Library};

/// Statements to try; about one in thirty passes the checks and also parses in the engine.
const STATEMENTS: usize = 40_000;

/// Beginnings of statements, and pieces that may hide something in them.
const PIECES: &[&str] = &[
    "SELECT",
    "SELECT 1",
    "SELECT *",
    "FROM",
    "FROM t",
    ",",
    "(",
    ")",
    "((",
    "))",
    "'x'",
    "'/etc/passwd'",
    "file",
    "FILE",
    "`file`",
    "\"file\"",
    "`fi\\x6ce`",
    "\"fi\\le\"",
    "`fi``le`",
    "f/**/ile",
    "ﬁle",
    "\u{17f}um",
    "file('x')",
    "`file`('x')",
    "url('http://x')",
    "s3('x')",
    "remote('h', d.t)",
    "executable('x')",
    "merge('a', 'b')",
    "numbers(3)",
    "view(SELECT 1)",
    "values('a UInt8', 1)",
    "sum(1)",
    "sumIf(1, 1)",
    "count()",
    "APPLY",
    "APPLY(file)",
    "APPLY file",
    "APPLY(sum)",
    "APPLY(x -> file(x))",
    "COLUMNS('a')",
    "AS",
    "AS a",
    "AS file",
    "WITH",
    "WITH 1 AS x",
    "WITH x AS (SELECT 1)",
    "UNION ALL",
    "EXPLAIN",
    "EXPLAIN AST",
    "EXPLAIN SYNTAX",
    "DESCRIBE",
    "DESCRIBE TABLE",
    "SHOW",
    "SHOW TABLES",
    "EXISTS",
    "PROCESSLIST",
    "INTO",
    "OUTFILE",
    "INTO OUTFILE 'x'",
    "FORMAT",
    "FORMAT TSV",
    "FORMAT Template",
    "FORMAT `Template`",
    "SETTINGS",
    "SETTINGS max_threads = 1",
    "INSERT INTO",
    "PARALLEL WITH",
    "\u{180e}",
    "\u{a0}",
    "\u{2003}",
    "\u{feff}",
    "\u{b}",
    "\u{c}",
    "\r",
    "\n",
    "\t",
    "\0",
    "--",
    "-- x\n",
    "--\r",
    "/*",
    "*/",
    "/* x */",
    "/* /* */",
    "//",
    "// x\n",
    "#",
    "# x\n",
    "#!",
    "$",
    "$$",
    "$a$",
    "$a$ file('x') $a$",
    "'",
    "\"",
    "`",
    "\\",
    "\\'",
    "''",
    "‘",
    "’",
    "“",
    "”",
    "{f:Identifier}",
    "{s:String}",
    "{",
    "}",
    "[",
    "]",
    ".",
    "system.",
    "system.one",
    "system.processes",
    "x",
    "t",
    "a.b",
    "1.5",
    "1e3",
    "0x1F",
    "1_000",
    "1file('x')",
    "1.file('x')",
    "=",
    "->",
    "::",
    "::UInt8",
    "||",
    "?",
    ":",
    "NOT",
    "IN",
    "IN (1)",
    "IN file('x')",
    "BETWEEN",
    "CASE WHEN 1 THEN 2 END",
    "INTERVAL 1 DAY",
    "CAST('1' AS UInt8)",
    "EXTRACT(DAY FROM now())",
    "JOIN",
    "ON 1",
    "USING (a)",
    "ARRAY JOIN [1] AS y",
    "WHERE 1",
    "GROUP BY 1",
    "ORDER BY 1",
    "WITH FILL FROM 1 TO file('x')",
    "LIMIT 1",
    ";",
    "; SELECT 1",
    "FINAL",
    "SAMPLE 0.1",
    "OVER ()",
    "FILTER (WHERE 1)",
    "quantile(0.5)(1)",
    "lambda",
    "dictGet('d', 'a', 1)",
];

/// Separators between pieces; mostly a space.
const JOINTS: &[&str] = &[
    " ", " ", " ", " ", "", "\n", "/**/", "-- \n", "\u{180e}", "\u{a0}",
];

/// Valid statements, each to be changed in one place.
const WHOLE: &[&str] = &[
    "SELECT sum(a), file FROM t WHERE a IN (1, 2) GROUP BY b ORDER BY c LIMIT 1",
    "WITH x AS (SELECT 1 AS a) SELECT a, count() FROM x GROUP BY a FORMAT TSV",
    "SELECT * APPLY(sum) FROM (SELECT number FROM numbers(3))",
    "SELECT CAST(a AS Decimal(10, 2)), a::UInt8, {p:String} FROM t AS s JOIN u USING (a)",
    "EXPLAIN SYNTAX SELECT 'x' FROM view(SELECT 1)",
    "SELECT arrayMap(x -> x + 1, [1, 2]), if(a = 'b', \"c d\", `e`) FROM t",
];

/// Opens an engine in this process; the library is found as in the other tests of this crate.
fn engine(data: &std::path::Path) -> Connection {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let path = variable("ETAPPE_ENGINE_LIBRARY").unwrap_or_else(|| {
        let home = variable("HOME");
        let cache =
            crate::library::cache_dir(variable("XDG_CACHE_HOME").as_deref(), home.as_deref());
        crate::library::cached_library(&cache.expect("a home folder"))
    });
    let library = Arc::new(Library::load(&path).expect("the library can be loaded"));
    let arguments = [
        "etappe-engine".to_owned(),
        format!("--path={}", data.display()),
    ]
    .map(|argument| CString::new(argument).expect("no zero byte"));
    Connection::open(&library, &arguments).expect("the engine opens an empty folder")
}

fn statement(random: &mut StdRng) -> String {
    if random.random_bool(0.5) {
        let whole = WHOLE.choose(random).expect("there are some");
        let at = random.random_range(0..=whole.len());
        let until = (at + random.random_range(0..4)).min(whole.len());
        let piece = PIECES.choose(random).expect("there are some");
        let (before, after) = (
            whole.get(..at).expect("ASCII"),
            whole.get(until..).expect("ASCII"),
        );
        return format!("{before}{piece}{after}");
    }
    let mut text = String::from("SELECT ");
    for _ in 0..random.random_range(1..6) {
        text += PIECES.choose(random).expect("there are some");
        text += JOINTS.choose(random).expect("there are some");
    }
    text
}

/// Returns the functions and table functions in the engine's syntax tree of a statement.
fn functions(tree: &str) -> impl Iterator<Item = &str> {
    tree.lines().filter_map(|line| {
        let rest = line.trim_start().strip_prefix("Function ")?;
        rest.split(' ').next()
    })
}

fn is_harmless(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // The parser's names for operators and for `FILTER (WHERE …)`.
    let is_operator = matches!(name.as_str(), "lambda" | "_cast");
    let filtered = name.strip_suffix("if").unwrap_or(&name);
    is_operator || names::may_be_called(&name) || names::may_be_called(filtered)
}

#[test]
fn a_statement_that_passes_the_checks_means_the_same_to_the_engine() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let mut engine = engine(data.path());
    names::tests::compare_with_engine(|query| {
        let answer = engine
            .run(query.as_bytes(), "TSVRaw", &[])
            .map(|output| String::from_utf8_lossy(output.as_ref()).into_owned());
        let answer = answer.unwrap_or_else(|error| panic!("{query}: {error}"));
        answer.lines().map(str::to_owned).collect()
    });
    let seed = std::env::var_os("ETAPPE_TEST_SEED").map_or_else(rand::random, |seed| {
        let seed = seed.into_string().expect("a number");
        seed.parse().expect("a number")
    });
    let mut random = StdRng::seed_from_u64(seed);
    let (mut explained, mut refused) = (0, 0);
    for _ in 0..STATEMENTS {
        let text = statement(&mut random);
        let Ok(read) = Statement::read(text.as_bytes(), true) else {
            continue;
        };
        let context = StatementContext {
            role: Role::Reader,
            is_read_only: false,
            format: "TSV",
        };
        // Views are looked up in the engine, which has none in this test.
        if !check(&read, context).is_ok_and(|views| views.is_empty()) {
            refused += 1;
            continue;
        }
        let explain = [b"EXPLAIN AST ".as_slice(), read.text.as_slice()].concat();
        let Ok(tree) = engine.run(&explain, "TSVRaw", &[]) else {
            continue;
        };
        explained += 1;
        let tree = String::from_utf8_lossy(tree.as_ref());
        for name in functions(&tree) {
            assert!(
                is_harmless(name),
                "seed {seed}: {text:?} names {name}:\n{tree}"
            );
        }
        for node in tree.lines().map(str::trim_start) {
            let is_setting = node == "Set" || node.starts_with("Set ");
            assert!(!is_setting, "seed {seed}: {text:?} sets something:\n{tree}");
        }
    }
    assert!(
        explained > 500 && refused > 500,
        "seed {seed}: {explained}, {refused}"
    );
}

#[test]
fn a_file_function_in_a_syntax_tree_is_detected() {
    let tree =
        "SelectQuery (children 1)\n ExpressionList (children 1)\n  Function file (children 1)";
    let found: Vec<&str> = functions(tree).collect();
    assert_eq!(found, ["file"]);
    assert!(!is_harmless("file") && !is_harmless("viewExplain") && is_harmless("sumIf"));
}
