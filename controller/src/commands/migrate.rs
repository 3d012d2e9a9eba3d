//! `migrate`: brings the database to the state of this program; running it again changes nothing.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args as ClapArgs;
use flatrender_controller::config::{Config, Purpose};
use flatrender_controller::database::{Database, MigrationReport};
use serde_json::json;

use super::options::Options;

#[derive(Debug, ClapArgs)]
pub struct Args {
    /// A private file (TOML) of `role = "password"` lines: sets the passwords of service roles afterwards
    #[arg(long, value_name = "FILE")]
    role_passwords: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub async fn run(options: &Options, args: Args) -> anyhow::Result<ExitCode> {
    let config = options.load(Purpose::Serve)?.config;
    super::begin_log(&config);
    let database = Database::open(&config.source(), &config.role_urls).await?;
    let done = work(&database, &args).await;
    database.stop().await;
    let (report, roles) = done?;
    let text = if args.json {
        as_json(&report, &roles)
    } else {
        in_words(&config, &report, &roles)
    };
    super::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

async fn work(database: &Database, args: &Args) -> anyhow::Result<(MigrationReport, Vec<String>)> {
    let report = database.migrate().await?;
    let roles = match &args.role_passwords {
        Some(file) => database.set_role_passwords(file).await?,
        None => Vec::new(),
    };
    Ok((report, roles))
}

fn as_json(report: &MigrationReport, roles: &[String]) -> String {
    json!({
        "applied": report.applied,
        "adopted": report.adopted,
        "already": report.already,
        "passwords_set": roles,
    })
    .to_string()
}

fn in_words(config: &Config, report: &MigrationReport, roles: &[String]) -> String {
    let place = match &config.database_url {
        Some(_) => "the database".to_owned(),
        None => format!(
            "the embedded database in {}",
            config.database_base_dir.display()
        ),
    };
    let mut lines = vec![format!(
        "{place}: {} migrations applied, {} adopted, {} were there",
        report.applied.len(),
        report.adopted.len(),
        report.already
    )];
    let named = |verb: &str, names: &[&str]| {
        names
            .iter()
            .map(|name| format!("  {verb} {name}"))
            .collect::<Vec<_>>()
    };
    lines.extend(named("applied", &report.applied));
    lines.extend(named("adopted", &report.adopted));
    lines.extend(
        roles
            .iter()
            .map(|role| format!("  password set for {role}")),
    );
    lines.join("\n")
}
