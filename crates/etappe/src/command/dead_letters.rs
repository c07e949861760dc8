//! `etappe dead-letters`: lists and replays records that could not be stored. They are reached
//! through the running `up` of a folder, in its file while none runs, or in the topic on Kafka.

use std::path::{Path, PathBuf};

use anyhow::bail;
use etappe_core::ports::StoredDeadLetter;
use etappe_log::LogError;
use etappe_log::dead_letters::{DeadLetterStore, Replayed};
use etappe_log::local::DeadLetterFile;
use etappe_log::medium::Publisher;

use crate::answer::{answer, note};
use crate::cli::{DeadLettersCommand, LettersPlace};
use crate::config::{Config, Needs};
use crate::control::ControlClient;
use crate::data_dir::DataDir;
use crate::letters::{ShownLetter, show};
use crate::service::Service;
use crate::service::event_log::{LetterReplayer, letters_file, replayer};

/// Runs one of the commands.
pub(crate) async fn run(command: DeadLettersCommand) -> anyhow::Result<()> {
    match command {
        DeadLettersCommand::List { place } => {
            let letters = Access::open(&place).await?.letters(None).await?;
            print_list(&letters, place.json)
        }
        DeadLettersCommand::Show { letter, place } => {
            let access = Access::open(&place).await?;
            let found = access.letters(Some(&letter)).await?.into_iter().next();
            let found = found.ok_or(LogError::UnknownDeadLetter { name: letter })?;
            print_one(&found, place.json)
        }
        DeadLettersCommand::Replay {
            letters,
            all,
            place,
        } => {
            let names = (!all).then_some(letters);
            let replayed = Access::open(&place).await?.replay(names).await?;
            print_replayed(&replayed, place.json)
        }
    }
}

/// How the dead letters are reached.
enum Access {
    /// Through the running process of the folder.
    Running(ControlClient),
    /// Through the file of a folder that is not in use.
    File(PathBuf),
    /// Through the topic.
    Topic(LetterReplayer),
}

impl Access {
    async fn open(place: &LettersPlace) -> anyhow::Result<Self> {
        let flags = place.outside.flags().collect();
        let config = Config::load(&place.config, flags, Needs::NOTHING)?;
        if config.uses_kafka() {
            let service = Service::start(config)?;
            let cluster = service.kafka()?;
            cluster.ensure_topics().await?;
            let letters = DeadLetterStore::Kafka(cluster.dead_letters()?);
            let publisher = Publisher::Direct(cluster.publisher()?);
            return Ok(Self::Topic(replayer(letters, publisher, service.clock)));
        }
        let folder = DataDir::existing(&place.data)?;
        if folder.read_run_info()?.is_some() {
            let control = ControlClient::of(&folder)?;
            if control.sites().await.is_ok() {
                return Ok(Self::Running(control));
            }
        }
        Ok(Self::File(letters_file(&folder)))
    }

    async fn letters(&self, name: Option<&str>) -> anyhow::Result<Vec<ShownLetter>> {
        let letters = match self {
            Self::Running(control) => return control.letters(name).await,
            Self::File(file) => read_file(file)?,
            Self::Topic(replayer) => replayer.letters().read_all().await?,
        };
        let chosen = letters
            .iter()
            .filter(|letter| name.is_none_or(|name| letter.name() == name));
        Ok(chosen.map(|letter| show(letter, name.is_some())).collect())
    }

    async fn replay(&self, names: Option<Vec<String>>) -> anyhow::Result<Replayed> {
        match self {
            Self::Running(control) => control.replay(names).await,
            Self::File(_) => bail!("no `etappe up` is running on the folder: start it first"),
            Self::Topic(replayer) => Ok(replayer.replay(names.as_deref()).await?),
        }
    }
}

/// Reads the letters of a file that is not in use, and reports unreadable lines.
fn read_file(file: &Path) -> anyhow::Result<Vec<StoredDeadLetter>> {
    let read = DeadLetterFile::read_all(file)?;
    if read.damaged > 0 {
        note(format_args!(
            "{} damaged lines of {} are skipped; the next `etappe up` moves them to another file",
            read.damaged,
            file.display()
        ));
    }
    Ok(read.letters)
}

fn print_list(letters: &[ShownLetter], json: bool) -> anyhow::Result<()> {
    if json {
        answer!("{}", serde_json::to_string(letters)?);
        return Ok(());
    }
    for letter in letters {
        let sent = if letter.replayed_at.is_some() {
            "  (sent again)"
        } else {
            ""
        };
        answer!(
            "{}  {}  {} bytes{sent}\n    {}",
            letter.letter,
            letter.buried_at,
            letter.bytes,
            letter.reason
        );
    }
    answer!("{} dead letters", letters.len());
    Ok(())
}

fn print_one(letter: &ShownLetter, json: bool) -> anyhow::Result<()> {
    if json {
        answer!("{}", serde_json::to_string(letter)?);
        return Ok(());
    }
    answer!("letter       {}", letter.letter);
    answer!("stored       {}", letter.buried_at);
    if let Some(at) = letter.replayed_at {
        answer!("sent again   {at}");
    }
    answer!("reason       {}", letter.reason);
    let record = letter.text.as_ref().or(letter.base64.as_ref());
    answer!("\n{}", record.map_or("", String::as_str));
    Ok(())
}

fn print_replayed(replayed: &Replayed, json: bool) -> anyhow::Result<()> {
    if json {
        answer!("{}", serde_json::to_string(replayed)?);
    } else {
        answer!(
            "{} sent again, {} had been sent before",
            replayed.sent,
            replayed.sent_before
        );
    }
    Ok(())
}
