//! The product's HTTP API. `http` is what every route shares: problems, extractors, the route table, event streams.
//! Knows no database and no farm; the controller puts its own routes on top.

pub mod http;
