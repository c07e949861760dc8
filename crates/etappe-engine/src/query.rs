//! Runs one query on its own thread, from the request's body to the response's.
//!
//! Everything that blocks happens on this thread: waiting for the client's data, the engine's work,
//! compression, and waiting for the client to read the result.

pub(crate) mod cancel;
mod format;
mod native;
pub(crate) mod output;
mod session;

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Signal, getpid, kill_process};

use crate::credentials::Role;
use crate::engine::Engine;
use crate::exception::{Exception, code};
use crate::ffi::{Connection, Progress};
use crate::http::decode::{decoder, exception_of};
use crate::http::request::QueryRequest;
use crate::http::upload::UploadReader;
use crate::metrics::EngineMetrics;
use crate::query::cancel::Ticket;
use crate::query::format::{HeaderStripper, Streaming, streaming};
use crate::query::output::Output;
use crate::query::session::prepare;
use crate::statement::guard::StatementContext;
use crate::statement::{InsertData, Statement, StatementKind, guard, reader, zones};

/// The default format of results.
pub(crate) const DEFAULT_FORMAT: &str = "TabSeparated";
/// The longest statement, without an insert's data.
const MAX_STATEMENT: usize = 1024 * 1024;
/// How much of an insert's data goes to the engine at a time.
const APPEND: usize = 256 * 1024;

/// A query that is ready to run.
pub(crate) struct Query {
    pub(crate) engine: Arc<Engine>,
    pub(crate) request: QueryRequest,
    pub(crate) upload: UploadReader,
    pub(crate) output: Output,
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) limits: QueryLimits,
    pub(crate) metrics: EngineMetrics,
}

/// Limits from the configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryLimits {
    pub(crate) body_bytes: u64,
    /// How long a reader's query may run.
    pub(crate) reader_timeout: Duration,
    /// How many bytes a reader's query may allocate.
    pub(crate) reader_memory: u64,
}

impl Query {
    /// Runs the query and sends the client its result or error.
    pub(crate) fn run(self) {
        let Self {
            engine,
            request,
            upload,
            mut output,
            ticket,
            limits,
            metrics,
        } = self;
        let mut body = decoder(upload, request.upload, limits.body_bytes);
        let mut kind = "other";
        let outcome = Head::read(&request.query, &mut body).and_then(|head| {
            let statement = Statement::read(&head.text, head.is_whole)?;
            kind = statement.label();
            let format = format_of(&statement, &request);
            check(&engine, &statement, &request, &format)?;
            let context = Context {
                engine: &engine,
                request: &request,
                ticket: &ticket,
                limits,
            };
            context.run(&statement, &format, &head.text, &mut body, &mut output)
        });
        ticket.finish();
        metrics.record_query(kind, outcome.is_ok());
        match outcome {
            Ok(progress) => output.finish(progress),
            Err(exception) => {
                metrics.record_error(&exception);
                if engine.incomplete.needs_restart(&exception) {
                    end_at_once();
                }
                tracing::debug!(code = exception.code, error = %exception.text, "query failed");
                output.fail(&exception);
            }
        }
    }
}

/// Ends this process as a crash would: nothing is closed, and a supervisor starts it again.
fn end_at_once() {
    let killed = kill_process(getpid(), Signal::KILL);
    // Never reached: this process may end itself.
    tracing::error!(?killed, "the process could not end itself");
}

/// Returns the format of the result: the statement's, else the request's, else the default.
fn format_of(statement: &Statement<'_>, request: &QueryRequest) -> String {
    let named = statement
        .format
        .as_ref()
        .or(request.default_format.as_ref());
    named.map_or_else(|| DEFAULT_FORMAT.to_owned(), Clone::clone)
}

/// Refuses the statement unless the login may run it in the requested database.
fn check(
    engine: &Engine,
    statement: &Statement<'_>,
    request: &QueryRequest,
    format: &str,
) -> Result<(), Exception> {
    if let (Role::Reader, Some(database)) = (request.role, &request.database) {
        reader::check_database(database)?;
    }
    let context = StatementContext {
        role: request.role,
        is_read_only: request.is_read_only,
        format,
    };
    let called = guard::check(statement, context)?;
    if request.role == Role::Reader {
        let mut zones = statement.zones()?;
        for name in request.setting("session_timezone") {
            zones.push(zones::parse(name)?);
        }
        engine.zones.admit(&zones)?;
    }
    match engine.first_that_is_no_view(&called)? {
        Some(name) => Err(guard::outside(&format!(
            "`{name}`, which is not a view here,"
        ))),
        None => Ok(()),
    }
}

/// The beginning of the text: the statement, and the part of an insert's data that was read with
/// it.
struct Head {
    text: Vec<u8>,
    is_whole: bool,
}

impl Head {
    /// The text is the URL's query, a line feed, and the body.
    fn read(query: &[u8], body: &mut dyn Read) -> Result<Self, Exception> {
        let mut rest = Vec::new();
        let limit = u64::try_from(MAX_STATEMENT).expect("a mebibyte fits in 64 bits");
        let mut body = body;
        let read = (&mut body).take(limit).read_to_end(&mut rest);
        let length = read.map_err(|error| exception_of(&error))?;
        let mut text = query.to_vec();
        if !query.is_empty() && length > 0 {
            text.push(b'\n');
        }
        text.append(&mut rest);
        Ok(Self {
            text,
            is_whole: length < MAX_STATEMENT,
        })
    }
}

/// What a running query uses.
struct Context<'query> {
    engine: &'query Engine,
    request: &'query QueryRequest,
    ticket: &'query Ticket,
    limits: QueryLimits,
}

impl Context<'_> {
    fn run(
        &self,
        statement: &Statement<'_>,
        format: &str,
        head: &[u8],
        body: &mut dyn Read,
        output: &mut Output,
    ) -> Result<Progress, Exception> {
        output.set_format(format);
        self.ticket.check()?;
        let mut connection = self.engine.session()?;
        prepare(
            &mut connection,
            self.request,
            &statement.kind,
            self.ticket,
            self.limits,
        )?;
        self.ticket.check()?;
        match &statement.kind {
            StatementKind::InsertData(insert) => {
                let head = head.get(insert.data_start..).unwrap_or_default();
                self.insert(&mut connection, insert, head, body)
            }
            StatementKind::Select if !self.request.waits_for_end => match streaming(format) {
                Some(kind) => {
                    match self.stream(&mut connection, statement, format, kind, output)? {
                        Some(progress) => Ok(progress),
                        None => self.collect(&mut connection, statement, format, output),
                    }
                }
                None => self.collect(&mut connection, statement, format, output),
            },
            StatementKind::Select
            | StatementKind::Inspect
            | StatementKind::Insert
            | StatementKind::Other => self.collect(&mut connection, statement, format, output),
        }
    }

    /// Runs a statement whose output is collected as a whole.
    fn collect(
        &self,
        connection: &mut Connection,
        statement: &Statement<'_>,
        format: &str,
        output: &mut Output,
    ) -> Result<Progress, Exception> {
        let result = connection
            .run(&statement.text, format, &self.request.parameters)
            .map_err(|report| self.exception(&report))?;
        let progress = result.progress();
        let data = self.for_client(Bytes::from_owner(result), format)?;
        output.write(data, progress)?;
        Ok(progress)
    }

    /// Runs a query whose output is streamed block by block. `None` if the engine cannot stream it;
    /// nothing has run then.
    fn stream(
        &self,
        connection: &mut Connection,
        statement: &Statement<'_>,
        format: &str,
        kind: Streaming,
        output: &mut Output,
    ) -> Result<Option<Progress>, Exception> {
        let started = connection.stream(&statement.text, format, &self.request.parameters);
        let mut stream = match started {
            Ok(stream) => stream,
            // Statements such as `WITH … INSERT`.
            Err(report) if report.contains("Streaming query is not supported for query") => {
                return Ok(None);
            }
            Err(report) => return Err(self.exception(&report)),
        };
        let mut stripper = HeaderStripper::new(kind);
        let mut total = Progress::default();
        while let Some(block) = stream
            .next_block()
            .map_err(|report| self.exception(&report))?
        {
            let progress = block.progress();
            total.read_rows += progress.read_rows;
            total.read_bytes += progress.read_bytes;
            let mut data = Bytes::from_owner(block);
            stripper.strip(&mut data)?;
            output.write(self.for_client(data, format)?, total)?;
            self.ticket.check()?;
        }
        Ok(Some(total))
    }

    /// Inserts the data that follows the statement. Unless the data is complete, nothing is
    /// inserted: the engine forms one block of all of it (see [`session`]), and a block is only
    /// written when it is complete.
    fn insert(
        &self,
        connection: &mut Connection,
        insert: &InsertData,
        head: &[u8],
        body: &mut dyn Read,
    ) -> Result<Progress, Exception> {
        let mut stream = connection
            .insert(&insert.statement, &insert.format, &self.request.parameters)
            .map_err(|report| self.exception(&report))?;
        let mut buffer = vec![0; APPEND];
        let mut outcome = if head.is_empty() {
            Ok(())
        } else {
            stream.append(head)
        };
        while outcome.is_ok() {
            let length = match body.read(&mut buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(exception_of(&error)),
            };
            if length == 0 {
                break;
            }
            self.ticket.check()?;
            outcome = stream.append(buffer.get(..length).unwrap_or_default());
        }
        match outcome {
            Err(report) if !report.is_empty() => Err(self.exception(&report)),
            // Without a report the engine ended early; `finish` then returns the reason.
            Err(_) | Ok(()) => {
                self.ticket.check()?;
                stream.finish().map_err(|report| self.exception(&report))
            }
        }
    }

    /// Rewrites `Native` output for clients that ask for a later version of it.
    fn for_client(&self, data: Bytes, format: &str) -> Result<Bytes, Exception> {
        if format.eq_ignore_ascii_case("Native") {
            native::for_version(&data, self.request.protocol_version)
        } else {
            Ok(data)
        }
    }

    fn exception(&self, report: &str) -> Exception {
        let exception = Exception::from_engine(report);
        if exception.code == code::QUERY_WAS_CANCELLED {
            return exception;
        }
        // A cancelled query may fail with an unrelated error.
        self.ticket.check().err().unwrap_or(exception)
    }
}
