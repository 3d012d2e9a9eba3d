//! `partitions ensure`: what cron calls where no `serve` runs; `serve` does it by itself.

use std::process::ExitCode;

use clap::Subcommand;
use flatrender_controller::config::Purpose;
use flatrender_controller::database::Database;
use flatrender_controller::reconcile::partitions::AHEAD_MONTHS;
use serde_json::json;

use super::options::Options;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the partitions of this month and the months ahead
    Ensure {
        /// How many months ahead: 0 to 60
        #[arg(long, value_name = "MONTHS", default_value_t = AHEAD_MONTHS, value_parser = clap::value_parser!(i32).range(0..=60))]
        ahead: i32,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

pub async fn run(options: &Options, command: Command) -> anyhow::Result<ExitCode> {
    let Command::Ensure { ahead, json } = command;
    let config = options.load(Purpose::Serve)?.config;
    super::begin_log(&config);
    let database = Database::open(&config.source(), &config.role_urls).await?;
    let made = database.ensure_partitions(ahead).await;
    database.stop().await;
    let made = made?;
    let text = if json {
        json!({ "created": made }).to_string()
    } else if made.is_empty() {
        "every partition was there".to_owned()
    } else {
        made.iter()
            .map(|name| format!("created {name}"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    super::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
