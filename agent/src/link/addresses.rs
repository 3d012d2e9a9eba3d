//! Where the controllers are, and getting a connection to one of them: each in turn, beginning where the last one was.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use flatrender_protocol::link::{CLOSE_BYE, CONTROLLER_NAME, DEFAULT_PORT, agent_bind_address};
use quinn::{ClientConfig, Connection, Endpoint};

/// How long one address may take.
const LIMIT: Duration = Duration::from_secs(6);

/// The addresses of one farm's controllers.
#[derive(Debug)]
pub struct Addresses {
    hosts: Vec<String>,
    next: usize,
    client: ClientConfig,
    /// One endpoint for each address family.
    endpoints: HashMap<bool, Endpoint>,
}

/// Why no controller could be reached.
#[derive(Debug, thiserror::Error)]
pub enum NoConnection {
    /// No addresses are known.
    #[error("reach a controller: no addresses are known; set `controllers` in the configuration")]
    NoAddresses,
    /// A name that leads nowhere.
    #[error("resolve {host}")]
    Resolve {
        /// The address, as it was given.
        host: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No socket could be had.
    #[error("open a UDP socket")]
    Socket(#[source] io::Error),
    /// Nobody answers.
    #[error("reach the controller at {address}: no answer in {} s; is it running there, and does UDP get through?", LIMIT.as_secs())]
    Silent {
        /// Where.
        address: SocketAddr,
    },
    /// The connection can't be made.
    #[error("connect to the controller at {address}")]
    Connect {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: quinn::ConnectError,
    },
    /// It was refused, or is no controller of this farm.
    #[error("connect to the controller at {address}")]
    Refused {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: quinn::ConnectionError,
    },
}

impl Addresses {
    /// Of `hosts`, each `host:port`, spoken to as `client` says.
    pub fn new(hosts: Vec<String>, client: ClientConfig) -> Self {
        Self {
            hosts,
            next: 0,
            client,
            endpoints: HashMap::new(),
        }
    }

    /// Connects to the first that answers; the last error when none does.
    ///
    /// # Errors
    /// [`NoConnection`].
    pub async fn connect(&mut self) -> Result<Connection, NoConnection> {
        let mut failure = NoConnection::NoAddresses;
        for _ in 0..self.hosts.len() {
            let host = self.hosts[self.next % self.hosts.len()].clone();
            match self.connect_to(&host).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = error,
            }
            self.next = (self.next + 1) % self.hosts.len();
        }
        Err(failure)
    }

    async fn connect_to(&mut self, host: &str) -> Result<Connection, NoConnection> {
        let resolve = |source| NoConnection::Resolve {
            host: host.to_owned(),
            source,
        };
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host(&with_port(host))
            .await
            .map_err(resolve)?
            .collect();
        let mut failure = resolve(io::Error::from(io::ErrorKind::NotFound));
        for address in addresses {
            match self.connect_at(address).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn connect_at(&mut self, address: SocketAddr) -> Result<Connection, NoConnection> {
        let endpoint = match self.endpoints.get(&address.is_ipv6()) {
            Some(endpoint) => endpoint.clone(),
            None => {
                let endpoint =
                    Endpoint::client(agent_bind_address(address)).map_err(NoConnection::Socket)?;
                self.endpoints.insert(address.is_ipv6(), endpoint.clone());
                endpoint
            }
        };
        let connecting = endpoint
            .connect_with(self.client.clone(), address, CONTROLLER_NAME)
            .map_err(|source| NoConnection::Connect { address, source })?;
        match tokio::time::timeout(LIMIT, connecting).await {
            Err(_) | Ok(Err(quinn::ConnectionError::TimedOut)) => {
                Err(NoConnection::Silent { address })
            }
            Ok(Err(source)) => Err(NoConnection::Refused { address, source }),
            Ok(Ok(connection)) => Ok(connection),
        }
    }

    /// Says goodbye on every connection.
    pub async fn close(&mut self) {
        for endpoint in self.endpoints.values() {
            endpoint.close(CLOSE_BYE, b"bye");
            let _ = tokio::time::timeout(Duration::from_secs(1), endpoint.wait_idle()).await;
        }
    }
}

/// `host:port`, the port being the usual one when none is given.
fn with_port(host: &str) -> String {
    let bare_v6 = host.parse::<std::net::Ipv6Addr>().is_ok();
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match (bare_v6, has_port) {
        (true, _) => format!("[{host}]:{DEFAULT_PORT}"),
        (false, true) => host.to_owned(),
        (false, false) => format!("{host}:{DEFAULT_PORT}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_port_is_meant_when_none_is_given() {
        for (given, meant) in [
            ("farm.example:9", "farm.example:9"),
            ("farm.example", "farm.example:7443"),
            ("10.0.0.1", "10.0.0.1:7443"),
            ("::1", "[::1]:7443"),
            ("[::1]:9", "[::1]:9"),
        ] {
            assert_eq!(with_port(given), meant);
        }
    }
}
