//! `serve`: the farm, until it is told to stop.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use flatrender_controller::config::Purpose;
use flatrender_controller::daemon;

use super::options::Options;

#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Migrate a database that is not embedded too, if it is behind
    #[arg(long)]
    migrate: bool,
}

pub async fn run(options: &Options, args: Args) -> anyhow::Result<ExitCode> {
    let mut config = options.load(Purpose::Serve)?.config;
    config.migrate = args.migrate;
    super::begin_log(&config);
    let shutdown = super::until_signal()?;
    daemon::run(config, shutdown, |ready| {
        tracing::info!(
            http = %ready.http,
            link = %ready.link,
            advertised = ?ready.link_advertised,
            data_dir = %ready.data_dir.display(),
            admin_token_file = %ready.admin_token_file.display(),
            "ready"
        );
        if !ready.http.ip().is_loopback() {
            tracing::warn!(
                "HTTP is answered on the network without TLS; put a proxy with TLS in front of it"
            );
        }
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}
