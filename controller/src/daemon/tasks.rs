//! The daemon's tasks by name: which ended first and why, and which are left when time is up.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::anyhow;
use tokio::task::{Id, JoinError, JoinSet};

/// Tasks that all live as long as the daemon.
#[derive(Default)]
pub(super) struct Tasks {
    set: JoinSet<anyhow::Result<()>>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    /// Starts a task.
    pub(super) fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let id = self.set.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Waits until one ends and says which and why. Never ends when there is none.
    pub(super) async fn first_end(&mut self) -> anyhow::Error {
        match self.set.join_next_with_id().await {
            None => std::future::pending().await,
            Some(ended) => match self.ended(ended) {
                (name, Ok(())) => anyhow!("the task \"{name}\" ended by itself"),
                (name, Err(error)) => error.context(format!("run the task \"{name}\"")),
            },
        }
    }

    /// Waits for all of them, at most `within`; drops those that are left and returns their names.
    pub(super) async fn finish(&mut self, within: Duration) -> Vec<&'static str> {
        let all = async {
            while let Some(ended) = self.set.join_next_with_id().await {
                if let (name, Err(error)) = self.ended(ended) {
                    tracing::warn!(
                        task = name,
                        error = format!("{error:#}"),
                        "a task failed while it was stopped"
                    );
                }
            }
        };
        // Which are left is asked afterwards.
        let _ = tokio::time::timeout(within, all).await;
        self.set.abort_all();
        let mut left: Vec<_> = self.names.drain().map(|(_, name)| name).collect();
        left.sort_unstable();
        // What was dropped lets go of what it held before anybody goes on.
        while self.set.join_next().await.is_some() {}
        left
    }

    fn ended(
        &mut self,
        ended: Result<(Id, anyhow::Result<()>), JoinError>,
    ) -> (&'static str, anyhow::Result<()>) {
        let (id, result) = match ended {
            Ok(ended) => ended,
            Err(error) => (error.id(), Err(anyhow!(error))),
        };
        (self.names.remove(&id).unwrap_or("(unknown)"), result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_end_names_the_task_and_the_last_ones_are_listed() {
        let mut tasks = Tasks::default();
        tasks.spawn("stuck", std::future::pending());
        tasks.spawn("broken", async { Err(anyhow!("no disk")) });
        assert_eq!(
            format!("{:#}", tasks.first_end().await),
            "run the task \"broken\": no disk"
        );
        tasks.spawn("panics", async { panic!("of its own") });
        let error = format!("{:#}", tasks.first_end().await);
        assert!(
            error.contains("\"panics\"") && error.contains("of its own"),
            "{error}"
        );
        tasks.spawn("short", async { Ok(()) });
        assert_eq!(
            format!("{:#}", tasks.first_end().await),
            "the task \"short\" ended by itself"
        );
        assert_eq!(tasks.finish(Duration::from_secs(3)).await, ["stuck"]);
    }
}
