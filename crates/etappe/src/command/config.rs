//! `etappe config`: what the configuration is, and what is wrong with it.

use crate::cli::ConfigCommand;
use crate::config::{Config, Needs};

/// Runs one of the commands.
#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(crate) fn run(command: ConfigCommand) -> anyhow::Result<()> {
    match command {
        // There are no secrets among the settings: keys and tokens are kept elsewhere.
        ConfigCommand::Print { config } => {
            print!(
                "{}",
                toml::to_string(&Config::load(&config, Vec::new(), Needs::NOTHING)?)?
            );
        }
        ConfigCommand::Check { config } => {
            let config = Config::load(&config, Vec::new(), Needs::NOTHING)?;
            config.compile_rules()?;
            println!("the configuration is good");
        }
    }
    Ok(())
}
