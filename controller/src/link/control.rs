//! The control stream: what the agent says goes to the leader, what the leader says goes to the agent.

use flatrender_protocol::link::{self, LinkError};
use flatrender_protocol::message::{Held, ToAgent, ToController};
use quinn::{RecvStream, SendStream};
use tokio::sync::mpsc;
use tracing::error;

use super::said;
use super::session::{End, Session};
use crate::farm::FromAgent;

/// Most leases that an agent may hold.
const MAX_HELD: usize = 100_000;
/// Verdicts in one message: some 30 bytes each.
const VERDICTS_PER_MESSAGE: usize = 10_000;

/// Passes on what the agent says, until it ends the stream.
pub(super) async fn listen(session: &Session, mut stream: RecvStream) -> End {
    let mut holding = Holding::default();
    loop {
        let message = match link::receive(&mut stream).await {
            Ok(Some(message)) => message,
            Ok(None) => return End::Bye,
            Err(error) => return error.into(),
        };
        session.heard();
        let told = match understand(message, &mut holding) {
            Ok(None) => continue,
            Ok(Some(what)) => session.tell(what).await,
            Err(end) => return end,
        };
        if let Err(end) = told {
            return end;
        }
    }
}

/// The pages of what an agent holds.
#[derive(Default)]
struct Holding {
    leases: Vec<Held>,
    complete: bool,
}

impl Holding {
    /// Adds a page; gives all of them at the last.
    fn page(&mut self, page: Vec<Held>, last: bool) -> Result<Option<Vec<Held>>, End> {
        if self.complete {
            return Err(End::Protocol("what is held was told twice".to_owned()));
        }
        if self.leases.len() + page.len() > MAX_HELD {
            let reason = format!("more than {MAX_HELD} leases are held");
            return Err(End::Protocol(reason));
        }
        self.leases.extend(page);
        self.complete = last;
        Ok(last.then(|| std::mem::take(&mut self.leases)))
    }
}

/// What the leader is told of a message; nothing for a page that is not the last.
fn understand(message: ToController, holding: &mut Holding) -> Result<Option<FromAgent>, End> {
    Ok(Some(match message {
        ToController::Hello(_) => return Err(End::Protocol("hello was said twice".to_owned())),
        ToController::Inventory(inventory) => FromAgent::Inventory(said::inventory(inventory)),
        ToController::Holding { leases, last } => {
            return Ok(holding.page(leases, last)?.map(FromAgent::Holding));
        }
        ToController::Started(lease) => FromAgent::Started(lease),
        ToController::Shrunk { lease, until } => FromAgent::Shrunk { lease, until },
        ToController::Report(report) => FromAgent::Report(Box::new(said::report(report))),
        ToController::Sample(sample) => FromAgent::Sample(sample),
        ToController::Cache { entries } => FromAgent::Cache(said::cache(entries)),
    }))
}

/// Sends what the leader says, until it lets go.
pub(super) async fn speak(mut stream: SendStream, mut orders: mpsc::Receiver<ToAgent>) -> End {
    while let Some(order) = orders.recv().await {
        for message in paged(order) {
            match link::send(&mut stream, &message).await {
                Ok(()) => {}
                Err(LinkError::Wire(error)) => {
                    error!(%error, "a message to an agent can't be sent");
                    return End::LetGo;
                }
                Err(error) => return error.into(),
            }
        }
    }
    End::LetGo
}

/// Splits what may outgrow a message.
fn paged(order: ToAgent) -> Vec<ToAgent> {
    match order {
        ToAgent::Verdicts(verdicts) if verdicts.len() > VERDICTS_PER_MESSAGE => verdicts
            .chunks(VERDICTS_PER_MESSAGE)
            .map(|page| ToAgent::Verdicts(page.to_vec()))
            .collect(),
        other => vec![other],
    }
}

#[cfg(test)]
mod tests {
    use flatrender_protocol::message::{LeaseKey, Verdict};
    use flatrender_protocol::{AttemptId, wire};

    use super::*;

    fn held(count: usize) -> Vec<Held> {
        let one = || Held {
            lease: LeaseKey {
                attempt: AttemptId::new(),
                epoch: 1,
            },
            until: 9,
            ended: false,
        };
        std::iter::repeat_with(one).take(count).collect()
    }

    #[test]
    fn pages_are_collected_until_the_last() {
        let mut holding = Holding::default();
        assert_eq!(holding.page(held(2), false).unwrap(), None);
        assert_eq!(holding.page(held(3), true).unwrap().unwrap().len(), 5);
        assert!(matches!(holding.page(held(0), true), Err(End::Protocol(_))));
    }

    #[test]
    fn more_leases_than_a_node_can_hold_are_refused() {
        let mut holding = Holding::default();
        for _ in 0..MAX_HELD / 10_000 {
            assert_eq!(holding.page(held(10_000), false).unwrap(), None);
        }
        assert!(matches!(holding.page(held(1), true), Err(End::Protocol(_))));
    }

    #[test]
    fn verdicts_on_all_that_a_node_can_hold_fit_into_messages() {
        let verdict = |_| {
            let key = LeaseKey {
                attempt: AttemptId::new(),
                epoch: u64::MAX,
            };
            (key, Verdict::ShrinkTo(u32::MAX))
        };
        let all: Vec<_> = (0..MAX_HELD).map(verdict).collect();
        let mut together = Vec::new();
        for message in paged(ToAgent::Verdicts(all.clone())) {
            wire::encode(&message).unwrap();
            match message {
                ToAgent::Verdicts(page) => together.extend(page),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(together, all);
    }
}
