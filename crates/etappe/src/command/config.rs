//! `etappe config`: what the configuration is, and what is wrong with it.

use crate::answer::{answer, write};
use crate::cli::ConfigCommand;
use crate::config::{Config, Needs};

/// Runs one of the commands.
pub(crate) fn run(command: ConfigCommand) -> anyhow::Result<()> {
    match command {
        // There are no secrets among the settings: keys and tokens are kept elsewhere.
        ConfigCommand::Print { config } => {
            let config = Config::load(&config, Vec::new(), Needs::NOTHING)?;
            write(format_args!("{}", toml::to_string(&config)?));
        }
        ConfigCommand::Check { config } => {
            let config = Config::load(&config, Vec::new(), Needs::NOTHING)?;
            config.compile_rules()?;
            answer!("the configuration is good");
        }
    }
    Ok(())
}
