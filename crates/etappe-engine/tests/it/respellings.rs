//! Spellings that might make a harmful statement pass for a harmless one. With none of them may a
//! reader read or write anything outside the engine. The fence is off, so the checks alone must
//! hold.

use std::path::{Path, PathBuf};

use crate::harness::{Answer, Client, TestEngine};

/// The content of a file outside the engine; it must not come back, neither in a result nor in an
/// error.
const SECRET: &str = "canary-6f1d0c";

/// An engine without its fence, and files next to it that no client may reach.
struct Target {
    engine: TestEngine,
    outside: tempfile::TempDir,
}

impl Target {
    async fn start() -> Self {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), format!("{SECRET}\n")).unwrap();
        let engine = TestEngine::start_with(&["--fence", "off"]).await;
        let writer = &engine.client;
        writer
            .query("CREATE TABLE t (a UInt64, path String) ENGINE = MergeTree ORDER BY a")
            .await;
        let row = format!(
            "INSERT INTO t VALUES (1, '{}')",
            outside.path().join("secret").display()
        );
        writer.query(&row).await;
        Self { engine, outside }
    }

    /// Replaces the placeholders: `PATH` is the secret file, `NEW` a file that does not exist.
    fn fill_in(&self, text: &str) -> String {
        let path = |name| self.outside.path().join(name).display().to_string();
        text.replace("PATH", &path("secret"))
            .replace("NEW", &path("new"))
    }

    /// Fails if something outside was read or written.
    fn check(&self, asked: &str, answer: &Answer) {
        let text = answer.text();
        assert!(!text.contains(SECRET), "{asked}: {text}");
        assert!(!text.contains("password"), "{asked}: {text}");
        let files = names(self.outside.path());
        assert_eq!(files, [PathBuf::from("secret")], "{asked}: {text}");
        let content = std::fs::read_to_string(self.outside.path().join("secret")).unwrap();
        assert_eq!(content.trim(), SECRET, "{asked}");
        assert!(
            !text.contains("Permission denied"),
            "{asked} reached a file: {text}"
        );
        assert!(
            !text.contains("No such file"),
            "{asked} looked for a file: {text}"
        );
    }
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into())
        .collect()
}

/// Statements that must be refused, or would do harm.
const REFUSED: &[&str] = &[
    // The plain forms.
    "SELECT file('PATH')",
    "SELECT * FROM file('PATH', 'LineAsString')",
    "SELECT * FROM url('file://PATH', 'LineAsString')",
    "SELECT 1 INTO OUTFILE 'NEW'",
    "SELECT 1 INTO OUTFILE 'NEW' TRUNCATE COMPRESSION 'none'",
    "INSERT INTO FUNCTION file('NEW', 'CSV', 'a UInt8') SELECT 1",
    // Escapes and quotes.
    "SELECT `fi\\x6ce`('PATH')",
    "SELECT \"fi\\x6ce\"('PATH')",
    "SELECT `\\x66ile`('PATH')",
    "SELECT `fil\\e`('PATH')",
    "SELECT `file\\0`('PATH')",
    "SELECT `file`('PATH')",
    "SELECT \"file\"('PATH')",
    "SELECT `fi``le`('PATH')",
    "SELECT “file”('PATH')",
    "SELECT 'file'('PATH')",
    "SELECT FiLe('PATH')",
    "SELECT {f:Identifier}('PATH')",
    // Blanks and comments.
    "SELECT file\u{180e}('PATH')",
    "SELECT file\u{a0}('PATH')",
    "SELECT file\u{2003}('PATH')",
    "SELECT file\u{200b}('PATH')",
    "SELECT file\u{2060}('PATH')",
    "SELECT file\u{feff}('PATH')",
    "SELECT file\u{3000}('PATH')",
    "SELECT file\u{85}('PATH')",
    "SELECT file\u{b}('PATH')",
    "SELECT file\u{c}('PATH')",
    "SELECT file\u{0}('PATH')",
    "SELECT file/**/('PATH')",
    "SELECT file--\n('PATH')",
    "SELECT file//\n('PATH')",
    "SELECT file# \n('PATH')",
    "SELECT 1 /* /* */ , file('PATH') /* */",
    "SELECT 1 // \u{2028} , file('PATH')",
    "SELECT 1 # x\u{85}, file('PATH')\n",
    "SELECT 1 INTO\u{180e}OUTFILE 'NEW'",
    "SELECT 1 INTO/**/OUTFILE 'NEW'",
    "SELECT 1 INTO -- \n OUTFILE 'NEW'",
    "SELECT 1\u{180e}INTO OUTFILE 'NEW'",
    "SELECT 1 INTO\u{c}OUTFILE\u{b}'NEW'",
    "SELECT 1 INTO OUTFILE $$NEW$$",
    "SELECT 1 INTO OUTFILE ‘NEW’",
    // Heredocs.
    "SELECT $a$ ' $a$, file('PATH') -- '",
    "SELECT $$ $$, file($$PATH$$)",
    "SELECT $é$ ' $é$, file('PATH'), ''",
    // Calls that do not look like calls.
    "SELECT * APPLY(file) FROM (SELECT 'PATH')",
    "SELECT * APPLY file FROM (SELECT path FROM t)",
    "SELECT path APPLY(file) FROM t",
    "SELECT COLUMNS('path') APPLY(`file`) FROM t",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT path FROM t)",
    "SELECT arrayMap(x -> file(x), ['PATH'])",
    "SELECT arrayReduce('file', ['PATH'])",
    "SELECT 1 ORDER BY 1 WITH FILL FROM 0 TO toUInt8(file('PATH'))",
    "SELECT 1 WHERE file('PATH') = ''",
    "SELECT 1 LIMIT toUInt8(file('PATH'))",
    "SELECT INTERVAL file('PATH') DAY",
    "WITH file('PATH') AS x SELECT x",
    "SELECT x.file('PATH') FROM t AS x",
    "SELECT 1.file('PATH')",
    // Text that the engine evaluates as code.
    "SELECT * FROM values('a UInt8 DEFAULT toUInt8(file(''PATH''))', 1)",
    "SELECT * FROM generateRandom('a UInt8 DEFAULT toUInt8(file(''PATH''))') LIMIT 1",
    "SELECT * FROM format(CSV, 'a UInt8 DEFAULT toUInt8(file(''PATH''))', '1')",
    "SELECT * FROM null('a UInt8 DEFAULT toUInt8(file(''PATH''))')",
    "SELECT structureToProtobufSchema('a UInt8 DEFAULT toUInt8(file(''PATH''))')",
    "SELECT structureToCapnProtoSchema('a UInt8 DEFAULT toUInt8(file(''PATH''))')",
    "SELECT arrayReduce('quantile(toFloat64(file(''PATH'')))', [1])",
    "SELECT arrayReduce('quantile(toFloat64(file(\\'PATH\\')))', [1])",
    "SELECT arrayReduce('quantile(' || 'toFloat64(file(''PATH'')))', [1])",
    "SELECT arrayReduceInRanges('quantile(toFloat64(file(''PATH'')))', [(1, 1)], [1])",
    "SELECT initializeAggregation('quantile(toFloat64(file(''PATH'')))', 1)",
    "SELECT arrayMap(f -> initializeAggregation(f, 1), ['quantile(toFloat64(file(''PATH'')))'])",
    "SELECT * APPLY(arrayReduce, [1]) FROM (SELECT 'quantile(toFloat64(file(''PATH'')))')",
    "SELECT defaultValueOfTypeName('AggregateFunction(quantile(toFloat64(file(''PATH''))), UInt64)')",
    "SELECT CAST('(1)', 'Tuple(a UInt8 DEFAULT toUInt8(file(''PATH'')))')",
    "SELECT convertCharset('a', 'us-ascii', 'PATH')",
    "SELECT formatRow('Template', 1)",
    "SELECT * FROM eval('SELECT file(''PATH'')')",
    "SELECT * FROM input('a UInt8')",
    // Files instead of tables.
    "SELECT * FROM 'PATH'",
    "SELECT * FROM \"PATH\"",
    "SELECT * FROM `PATH`",
    "DESCRIBE 'PATH'",
    "DESCRIBE TABLE file('PATH', 'LineAsString')",
    "DESCRIBE TABLE file('PATH', 'CSV', 'a UInt8 DEFAULT toUInt8(file(''PATH''))')",
    "DESCRIBE (SELECT file('PATH'))",
    "EXISTS TABLE file('PATH')",
    // Statements inside statements.
    "EXPLAIN SELECT file('PATH')",
    "EXPLAIN SYNTAX SELECT toUInt8(file('PATH'))",
    "EXPLAIN PLAN actions = 1 SELECT toUInt8(file('PATH'))",
    "EXPLAIN AST INSERT INTO FUNCTION file('NEW', 'CSV', 'a UInt8') SELECT 1",
    "EXPLAIN ANALYZE INSERT INTO FUNCTION file('NEW', 'CSV', 'a UInt8') SELECT 1",
    "EXPLAIN AST SELECT 1 INTO OUTFILE 'NEW'",
    "EXPLAIN CURRENT TRANSACTION INTO OUTFILE 'NEW'",
    "EXPLAIN TABLE OVERRIDE mysql('127.0.0.1:1', 'd', 't', 'u', 'p') COLUMNS (a UInt8)",
    "SELECT * FROM (EXPLAIN SYNTAX SELECT toUInt8(file('PATH')))",
    "SELECT * FROM viewExplain('EXPLAIN SYNTAX', '', (SELECT toUInt8(file('PATH'))))",
    "SELECT * FROM viewIfPermitted(SELECT file('PATH') AS a ELSE null('a String'))",
    "SHOW TABLES INTO OUTFILE 'NEW'",
    "SHOW CREATE TABLE t INTO OUTFILE 'NEW'",
    "DESCRIBE TABLE t INTO OUTFILE 'NEW'",
    "EXISTS TABLE t INTO OUTFILE 'NEW'",
    "CREATE TABLE x ENGINE = File(CSV, 'NEW') AS SELECT 1",
    "CREATE TEMPORARY TABLE x AS file('PATH', 'LineAsString')",
    "SELECT 1 PARALLEL WITH CREATE TABLE x ENGINE = File(CSV, 'NEW') AS SELECT 1",
    "SELECT 1; SELECT file('PATH')",
    "EXECUTE AS default SELECT file('PATH')",
    // Inserts that read.
    "INSERT INTO t FROM INFILE 'PATH' FORMAT LineAsString",
    "INSERT INTO t SELECT 1, file('PATH')",
    "WITH 1 AS x INSERT INTO FUNCTION file('NEW', 'CSV', 'a UInt8') SELECT x",
    // Formats and their schemas.
    "SELECT 1 FORMAT Template SETTINGS format_template_resultset = 'PATH'",
    "SELECT 1 FORMAT Template SETTINGS format_template_row = 'PATH'",
    "SELECT 1 FORMAT `Template`",
    "SELECT 1 AS a FORMAT Protobuf SETTINGS format_schema = 'PATH:M'",
    "SELECT 1 AS a SETTINGS format_schema = 'PATH:M' FORMAT Protobuf",
    "SELECT 1 AS a FORMAT CSV SETTINGS output_format_schema = 'NEW'",
    "SELECT 1 SETTINGS output_format_schema = 'NEW', max_threads = 1",
    // Other servers, programs and internal tables.
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM cluster('default', system.one)",
    "SELECT * FROM clusterAllReplicas('default', system.one)",
    "SELECT * FROM s3('http://127.0.0.1:1/b/k', 'CSV')",
    "SELECT * FROM executable('PATH', 'TSV', 'a String')",
    "SELECT * FROM sqlite('PATH', 't')",
    "SELECT * FROM merge('system', '.*')",
    "SELECT * FROM mergeTreeIndex('default', 't')",
    "SELECT * FROM dictionary('d')",
    "SELECT hasColumnInTable('127.0.0.1:1', 'd', 't', 'a')",
    "SELECT catboostEvaluate('PATH', 1)",
    "CREATE DICTIONARY d (a UInt64) PRIMARY KEY a SOURCE(FILE(PATH 'PATH' FORMAT 'TSV')) LAYOUT(FLAT())",
    "BACKUP TABLE t TO File('NEW')",
    "ATTACH TABLE x FROM 'PATH' (a UInt8) ENGINE = MergeTree ORDER BY a",
    // Other clients' activity and the engine's configuration.
    "SELECT query FROM system.processes",
    "SELECT * FROM `system`.`processes`",
    "SELECT * FROM system/**/./**/processes",
    "SELECT * FROM system.query_log",
    "SELECT * FROM system.settings",
    "SELECT * FROM system.server_settings",
    "SELECT * FROM system.users",
    "SELECT * FROM system.named_collections",
    "SELECT * FROM system.disks",
    "SELECT * FROM system.session_log",
    "SELECT t.query FROM t JOIN system.processes AS t ON 1",
    "SELECT 1 WHERE 'x' IN system.processes",
    "SHOW PROCESSLIST",
    "SHOW SETTINGS LIKE '%'",
    "SHOW GRANTS",
    "SHOW CREATE USER default",
    "SHOW CLUSTERS",
    "SELECT getServerSetting('users_config')",
    "SELECT getMacro('x')",
    "SELECT hostName(), FQDN(), getOSKernelVersion()",
    // Changes.
    "SET max_threads = 64",
    "KILL QUERY WHERE 1",
    "SYSTEM FLUSH LOGS",
    "CREATE FUNCTION x AS (a) -> a",
    "DROP TABLE t",
    // Delays.
    "SELECT sleep(3)",
    "SELECT sleepEachRow(1) FROM numbers(100)",
];

/// Statements that hide something in a comment, for the engine and for the checks: they may run.
const COMMENTED: &[&str] = &[
    "SELECT 1 --\r, file('PATH')",
    "SELECT 1 --\u{2028}, file('PATH')",
    "SELECT 1 /* \u{0} file('PATH') */",
    "SELECT 1 -- \u{0} , file('PATH')",
];

/// Sends a statement in every possible way: in the body, in the URL by POST and by GET, split
/// between both, and as a form.
async fn every_way(client: &Client, statement: &str) -> Vec<(&'static str, Answer)> {
    let half = statement.char_indices().nth(statement.chars().count() / 2);
    let (front, back) = statement.split_at(half.map_or(0, |(index, _)| index));
    let form = format!(
        "--X\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n{statement}\r\n--X--\r\n"
    );
    let form = client
        .post(&[("param_f", "file")])
        .header("Content-Type", "multipart/form-data; boundary=X")
        .body(form);
    let get = client
        .http
        .get(client.url(&[("query", statement), ("param_f", "file")]))
        .basic_auth(&client.login.user, Some(&client.login.password));
    vec![
        (
            "body",
            client.try_query(&[("param_f", "file")], statement).await,
        ),
        ("URL", client.try_query(&[("query", statement)], "").await),
        // A line feed separates the halves, so this may be a different statement.
        ("halves", client.try_query(&[("query", front)], back).await),
        ("form", client.send(form).await),
        ("GET", client.send(get).await),
    ]
}

#[tokio::test]
async fn no_respelling_lets_a_reader_past_the_checks() {
    let target = Target::start().await;
    let mut passed = Vec::new();
    for statement in REFUSED.iter().chain(COMMENTED) {
        let is_refused = !COMMENTED.contains(statement);
        let statement = target.fill_in(statement);
        for (way, answer) in every_way(&target.engine.reader, &statement).await {
            let asked = format!("{statement:?} in {way}");
            target.check(&asked, &answer);
            if is_refused && way != "halves" && answer.status < 400 {
                passed.push(format!("{asked}: {}", answer.text()));
            }
        }
    }
    assert!(passed.is_empty(), "{passed:#?}");
    assert_eq!(
        target.engine.reader.query("SELECT count() FROM t").await,
        "1"
    );
}

#[tokio::test]
async fn the_writer_cannot_reach_files_either() {
    let target = Target::start().await;
    let reaches_out = REFUSED
        .iter()
        .filter(|statement| statement.contains("PATH") || statement.contains("NEW"));
    for statement in reaches_out {
        let statement = target.fill_in(statement);
        for (way, answer) in every_way(&target.engine.client, &statement).await {
            target.check(&format!("{statement:?} in {way}"), &answer);
        }
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of it is a table of cases")]
async fn a_reader_can_set_only_listed_settings_by_any_route() {
    let target = Target::start().await;
    let reader = &target.engine.reader;
    let path = target.fill_in("PATH");
    for (name, value) in [
        ("format_schema", path.as_str()),
        ("output_format_schema", &target.fill_in("NEW")),
        ("format_template_resultset", &path),
        ("format_template_row", &path),
        ("format_schema_source", "query"),
        ("format_avro_schema_registry_url", "http://127.0.0.1:1"),
        ("output_format_avro_confluent_subject", "x"),
        ("dialect", "kusto"),
        ("max_threads", "64"),
        ("max_memory_usage", "0"),
        ("priority", "1"),
        ("os_threads_nice_value_query", "0"),
        ("allow_introspection_functions", "1"),
        ("implicit_select", "1"),
        ("additional_table_filters", "{'t':'file(1)'}"),
        ("additional_result_filter", "file(1)"),
        ("log_comment_", "x"),
        ("OUTPUT_FORMAT_SCHEMA", &path),
        ("profile", "default"),
    ] {
        let form = format!(
            "--X\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT 1 AS a\r\n--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--X--\r\n"
        );
        let form = reader
            .post(&[])
            .header("Content-Type", "multipart/form-data; boundary=X")
            .body(form);
        let statement = format!("SELECT 1 AS a SETTINGS {name} = '{value}'");
        for (way, answer) in [
            (
                "URL",
                reader.try_query(&[(name, value)], "SELECT 1 AS a").await,
            ),
            ("form", reader.send(form).await),
            ("query", reader.try_query(&[], &statement).await),
        ] {
            target.check(name, &answer);
            assert!(answer.status >= 400, "{name} in {way}: {}", answer.text());
        }
    }
    for format in [
        "Template",
        "Protobuf",
        "CapnProto",
        "MySQLWire",
        "ODBCDriver2",
        "x",
    ] {
        let answer = reader
            .try_query(&[("default_format", format)], "SELECT 1 AS a")
            .await;
        assert_eq!(answer.code, Some(497), "{format}: {}", answer.text());
    }
    for database in ["system", "SYSTEM", "x`; SELECT 1", "..", "\u{180e}system"] {
        let answer = reader
            .try_query(&[("database", database)], "SELECT query FROM processes")
            .await;
        assert!(answer.status >= 400, "{database}: {}", answer.text());
    }
}

#[tokio::test]
async fn statements_that_readers_need_are_allowed() {
    let engine = TestEngine::start().await;
    let writer = &engine.client;
    for statement in [
        "CREATE TABLE t (a UInt64, at DateTime) ENGINE = MergeTree ORDER BY a",
        "INSERT INTO t VALUES (1, '2026-01-01 00:00:00'), (2, '2026-01-02 00:00:00')",
        "CREATE VIEW of AS SELECT a FROM t WHERE a >= {least:UInt64}",
    ] {
        writer.query(statement).await;
    }
    for statement in [
        "SELECT version(), timezone(), currentDatabase(), currentUser()",
        "SELECT name FROM system.databases ORDER BY name",
        "SELECT name, engine FROM system.tables WHERE database = currentDatabase()",
        "SELECT name, type FROM system.columns WHERE table = 't'",
        "SELECT table_name FROM information_schema.tables WHERE table_schema = currentDatabase()",
        "SHOW DATABASES",
        "SHOW TABLES FROM default",
        "SHOW CREATE TABLE t",
        "DESCRIBE TABLE t",
        "EXISTS TABLE t",
        "EXPLAIN PLAN indexes = 1 SELECT a FROM t WHERE a = 1",
        "SELECT a FROM of(least = 2)",
        "SELECT a FROM default.of(least = 2) FORMAT JSONCompact",
        "SELECT toStartOfInterval(at, INTERVAL 1 day) AS time, sumIf(a, a > 1) AS \"Some Ö\" FROM t GROUP BY time ORDER BY time WITH FILL STEP 86400",
        "SELECT quantile(0.5)(a), uniqExact(a), groupArray(a)[1], arrayMap(x -> x + 1, [a]) FROM t GROUP BY a",
        "SELECT a, row_number() OVER (PARTITION BY a ORDER BY at) FROM t",
        "WITH x AS (SELECT a FROM t) SELECT CAST(a AS Decimal(10, 2)), a::String FROM x -- end",
        "SELECT CASE WHEN a IN (1, 2) THEN 'x' ELSE 'it''s \\'y\\'' END FROM t",
        "SELECT number FROM numbers(3) UNION ALL SELECT 1",
        "SELECT if(a = 1, {s:String}, 'b') FROM t",
    ] {
        let answer = engine
            .reader
            .try_query(&[("param_s", "x")], statement)
            .await;
        assert_eq!(answer.status, 200, "{statement}: {}", answer.text());
    }
}
