//! The lists of all names that a statement may use: functions, data types, table functions, formats
//! and keywords.
//!
//! An allow list is safe by default: a new name in the engine's next version is refused until
//! someone has reviewed it. Names are compared in lower case. A test checks that no allowed name
//! differs from a withheld one only in case.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Aggregate function combinators: `sum` may be called as `sumIf`, `sumOrNullIf` and so on.
const COMBINATORS: &[&str] = &[
    "argmax",
    "argmin",
    "array",
    "distinct",
    "foreach",
    "if",
    "map",
    "merge",
    "null",
    "ordefault",
    "ornull",
    "resample",
    "simplestate",
    "state",
    "tuple",
];

/// Words of a query that a parenthesis may follow, including syntax that looks like a function.
const QUERY_WORDS: &[&str] = &[
    "all",
    "and",
    "any",
    "apply",
    "as",
    "asc",
    "between",
    "by",
    "case",
    "columns",
    "cube",
    "date_add",
    "date_sub",
    "dateadd",
    "datesub",
    "desc",
    "distinct",
    "else",
    "except",
    "exists",
    "filter",
    "from",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "interpolate",
    "intersect",
    "interval",
    "is",
    "join",
    "like",
    "limit",
    "not",
    "offset",
    "on",
    "or",
    "over",
    "partition",
    "prewhere",
    "qualify",
    "replace",
    "rollup",
    "select",
    "sets",
    "step",
    "then",
    "timestamp_add",
    "timestamp_sub",
    "timestampadd",
    "timestampsub",
    "to",
    "top",
    "union",
    "untuple",
    "using",
    "when",
    "where",
    "with",
];

/// Words of other statements that a parenthesis may follow.
const DEFINITION_WORDS: &[&str] = &[
    "add",
    "check",
    "clickhouse",
    "codec",
    "column",
    "delete",
    "flat",
    "hashed",
    "key",
    "layout",
    "lifetime",
    "max",
    "min",
    "modify",
    "range",
    "range_hashed",
    "complex_key_hashed",
    "cache",
    "complex_key_cache",
    "source",
    "table",
    "ttl",
    "update",
    "values",
    // Codecs.
    "delta",
    "doubledelta",
    "fpc",
    "gcd",
    "gorilla",
    "lz4",
    "lz4hc",
    "none",
    "t64",
    "zstd",
    // Index types.
    "bloom_filter",
    "minmax",
    "ngrambf_v1",
    "set",
    "text",
    "tokenbf_v1",
];

/// Table functions that stay inside the engine and take no code as text. A structure given as text
/// is code, because its `DEFAULT` expressions are evaluated. So `values`, `format`, `null` and
/// `generateRandom` are excluded.
const TABLE_FUNCTIONS: &[&str] = &[
    "generate_series",
    "generateseries",
    "numbers",
    "numbers_mt",
    "primes",
    "view",
    "zeros",
    "zeros_mt",
];

/// Engines of tables and databases that keep their data inside the engine. The whole MergeTree
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

/// Formats in which a reader may get its result: none of them reads a schema or writes anything but
/// the result.
const READER_FORMATS: &[&str] = &[
    "arrow",
    "arrowstream",
    "avro",
    "bsoneachrow",
    "csv",
    "csvwithnames",
    "csvwithnamesandtypes",
    "hash",
    "json",
    "jsoncolumns",
    "jsoncolumnswithmetadata",
    "jsoncompact",
    "jsoncompactcolumns",
    "jsoncompacteachrow",
    "jsoncompacteachrowwithnames",
    "jsoncompacteachrowwithnamesandtypes",
    "jsoncompacteachrowwithprogress",
    "jsoncompactstrings",
    "jsoncompactstringseachrow",
    "jsoncompactstringseachrowwithnames",
    "jsoncompactstringseachrowwithnamesandtypes",
    "jsoncompactstringseachrowwithprogress",
    "jsoneachrow",
    "jsoneachrowwithprogress",
    "jsonl",
    "jsonlines",
    "jsonobjecteachrow",
    "jsonstrings",
    "jsonstringseachrow",
    "jsonstringseachrowwithprogress",
    "markdown",
    "md",
    "msgpack",
    "native",
    "ndjson",
    "null",
    "orc",
    "parquet",
    "pretty",
    "prettycompact",
    "prettycompactmonoblock",
    "prettycompactnoescapes",
    "prettycompactnoescapesmonoblock",
    "prettyjsoneachrow",
    "prettyjsonlines",
    "prettymonoblock",
    "prettyndjson",
    "prettynoescapes",
    "prettynoescapesmonoblock",
    "prettyspace",
    "prettyspacemonoblock",
    "prettyspacenoescapes",
    "prettyspacenoescapesmonoblock",
    "prometheus",
    "raw",
    "rawblob",
    "rawwithnames",
    "rawwithnamesandtypes",
    "rowbinary",
    "rowbinarywithnames",
    "rowbinarywithnamesandtypes",
    "sqlinsert",
    "tabseparated",
    "tabseparatedraw",
    "tabseparatedrawwithnames",
    "tabseparatedrawwithnamesandtypes",
    "tabseparatedwithnames",
    "tabseparatedwithnamesandtypes",
    "tskv",
    "tsv",
    "tsvraw",
    "tsvrawwithnames",
    "tsvrawwithnamesandtypes",
    "tsvwithnames",
    "tsvwithnamesandtypes",
    "values",
    "vertical",
    "xml",
];

/// Tables of the database `system` that a reader may read: they show what exists, not who queried
/// what.
const SYSTEM_TABLES: &[&str] = &[
    "columns",
    "data_type_families",
    "databases",
    "formats",
    "functions",
    "numbers",
    "numbers_mt",
    "one",
    "parts",
    "parts_columns",
    "tables",
    "time_zones",
    "zeros",
    "zeros_mt",
];

static FUNCTIONS: LazyLock<HashSet<String>> =
    LazyLock::new(|| names(include_str!("../../names/functions.txt")));
static AGGREGATES: LazyLock<HashSet<String>> =
    LazyLock::new(|| names(include_str!("../../names/aggregates.txt")));
static TYPES: LazyLock<HashSet<String>> =
    LazyLock::new(|| names(include_str!("../../names/types.txt")));

/// Functions that the writer may call but readers may not.
const FOR_THE_WRITER: &[&str] = &["getsetting", "getsettingordefault", "sleep", "sleepeachrow"];

/// Functions whose first argument is the text of an aggregate function. The engine evaluates the
/// parameters in it, so it is code.
const NAMED_BY_TEXT: &[&str] = &[
    "arrayreduce",
    "arrayreduceinranges",
    "initializeaggregation",
];

/// Settings through which a format uses a file or contacts a server. No role may set them.
const FILE_SETTINGS: &[&str] = &[
    "format_avro_schema_registry_url",
    "format_schema",
    "format_schema_source",
    "format_template_resultset",
    "format_template_row",
    "output_format_schema",
];

/// Parses a list: one name per line, `#` begins a comment.
fn names(text: &str) -> HashSet<String> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

/// Returns whether `name`, in lower case, is a function that every role may call.
pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.contains(name) || is_aggregate(name)
}

fn is_aggregate(name: &str) -> bool {
    AGGREGATES.contains(name)
        || COMBINATORS
            .iter()
            .filter_map(|combinator| name.strip_suffix(combinator))
            .any(|base| !base.is_empty() && is_aggregate(base))
}

/// Returns whether a parenthesis may follow this name, in lower case, in a query.
pub(super) fn may_be_called(name: &str) -> bool {
    is_function(name)
        || is_query_word(name)
        || TYPES.contains(name)
        || TABLE_FUNCTIONS.contains(&name)
}

/// Returns whether this is a keyword that may precede a parenthesis.
pub(super) fn is_query_word(name: &str) -> bool {
    QUERY_WORDS.contains(&name)
}

/// Returns whether only the writer may call this function.
pub(super) fn is_for_the_writer(name: &str) -> bool {
    FOR_THE_WRITER.contains(&name)
}

/// Returns whether this function, in lower case, takes another function's text as first argument.
pub(super) fn is_named_by_text(name: &str) -> bool {
    NAMED_BY_TEXT.contains(&name)
}

/// Returns whether a quoted text is a plain name, maybe with parameters: `'quantile(0.5)'`.
pub(super) fn is_plain_function(text: &[u8]) -> bool {
    let content = text
        .get(1..text.len().saturating_sub(1))
        .unwrap_or_default();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = content.iter().position(|byte| !is_word(byte));
    let (name, rest) = content.split_at(length.unwrap_or(content.len()));
    let parameters = match rest {
        [] => return !name.is_empty(),
        [b'(', parameters @ .., b')'] => parameters,
        _ => return false,
    };
    let is_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b' ');
    !name.is_empty() && parameters.iter().all(is_number)
}

/// Returns whether this setting, in any case, names a file or a server.
pub(crate) fn is_file_setting(name: &str) -> bool {
    FILE_SETTINGS.contains(&name.to_ascii_lowercase().as_str())
}

/// Returns whether a parenthesis may follow this name in a definition or an insert.
pub(super) fn may_define(name: &str) -> bool {
    DEFINITION_WORDS.contains(&name) || is_inside_engine(name)
}

/// Returns whether this table or database engine keeps its data inside the engine.
pub(super) fn is_inside_engine(name: &str) -> bool {
    name.ends_with("mergetree") || INSIDE_ENGINES.contains(&name)
}

/// Returns whether a dictionary's source stays inside the engine.
pub(super) fn is_inside_source(name: &str) -> bool {
    INSIDE_SOURCES.contains(&name)
}

/// Returns whether a reader may get a result in this format, in any case.
pub(crate) fn is_reader_format(name: &str) -> bool {
    READER_FORMATS.contains(&name.to_ascii_lowercase().as_str())
}

/// Returns whether a reader may read this table of the database `system`.
pub(super) fn is_open_system_table(name: &str) -> bool {
    SYSTEM_TABLES.contains(&name)
}

#[cfg(test)]
pub(crate) mod tests;
