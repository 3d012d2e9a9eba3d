//! The routes of nodes.

use flatrender_protocol::NodeId;
use flatrender_protocol::rest::{NodeView, Page, TokenSpec, TokenView};

use super::{Client, ClientError};

impl Client {
    /// `GET /v1/farm/nodes`, at most `limit` rows. `name` is a name, an id or its last eight characters.
    ///
    /// # Errors
    /// When the farm refuses or is not there.
    pub async fn nodes(
        &self,
        name: Option<&str>,
        limit: u32,
    ) -> Result<Page<NodeView>, ClientError> {
        self.pages("/v1/farm/nodes", name, limit).await
    }

    /// `GET /v1/farm/nodes/{id}`.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn node(&self, node: NodeId) -> Result<NodeView, ClientError> {
        self.get(&format!("/v1/farm/nodes/{node}"), &[]).await
    }

    /// `POST /v1/farm/nodes/tokens`.
    ///
    /// # Errors
    /// 422 when the time is out of range.
    pub async fn create_token(&self, spec: &TokenSpec) -> Result<TokenView, ClientError> {
        self.post("/v1/farm/nodes/tokens", spec).await
    }
}
