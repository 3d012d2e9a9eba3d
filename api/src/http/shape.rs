//! Which type a body, an answer or a parameter is, as an entry of the route table says it, and how a route answers. The
//! API's document is made from these; handlers do not see them.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::problem::Problem;

/// A type as it is in JSON; what it looks like comes from its serde attributes.
#[derive(Clone, Copy)]
pub struct Shape {
    named: fn(&mut SchemaGenerator) -> Schema,
    inline: fn(&mut SchemaGenerator) -> Schema,
}

impl Shape {
    /// The shape of `T`.
    pub const fn of<T: JsonSchema>() -> Self {
        Self {
            named: |generator| generator.subschema_for::<T>(),
            inline: T::json_schema,
        }
    }

    /// Its schema: a reference to the generator's definitions where the type has a name.
    pub(super) fn named(self, generator: &mut SchemaGenerator) -> Schema {
        (self.named)(generator)
    }

    /// Its schema in place, for a query, whose fields become parameters.
    pub(super) fn inline(self, generator: &mut SchemaGenerator) -> Schema {
        (self.inline)(generator)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.named(&mut SchemaGenerator::default());
        write!(f, "Shape({})", schema.as_value())
    }
}

/// A parameter in a path: its name in the braces, and what it must be.
pub type Param = (&'static str, Shape);

/// How a route answers when it does what was asked.
#[derive(Debug, Clone, Copy)]
pub struct Gives {
    /// Every status that comes with this body; first the usual one.
    pub statuses: &'static [u16],
    /// What the body is.
    pub body: Answer,
}

impl Gives {
    /// 200 and JSON.
    pub const fn json<T: JsonSchema>() -> Self {
        Self {
            statuses: &[200],
            body: Answer::Json(Shape::of::<T>()),
        }
    }

    /// 201 and JSON: something is there now that was not.
    pub const fn created<T: JsonSchema>() -> Self {
        Self {
            statuses: &[201],
            ..Self::json::<T>()
        }
    }
}

/// What the body of an answer is.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// There is none.
    Nothing,
    /// JSON.
    Json(Shape),
    /// Server-sent events whose `data` is this as JSON.
    Events(Shape),
    /// Bytes of this media type.
    Bytes(&'static str),
    /// Bytes of one of these media types.
    OneOf(&'static [&'static str]),
}

/// A refusal that a route names because neither its credential nor its body or address implies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// What was named does not exist.
    NotFound,
    /// The cursor is not one of this list.
    Cursor,
    /// A header can't be read.
    Header,
    /// Fields are wrong.
    Fields,
    /// Not in the state that the thing is in.
    State,
    /// Not now, such as without a database.
    Away,
}

impl Refusal {
    /// The problem that is answered then; its words are of no account here.
    pub(super) fn problem(self) -> Problem {
        match self {
            Self::NotFound => Problem::not_found(""),
            Self::Cursor => Problem::invalid_cursor(),
            Self::Header => Problem::invalid_header("", ""),
            Self::Fields => Problem::validation(Vec::new()),
            Self::State => Problem::conflict(""),
            Self::Away => Problem::unavailable(None, 1),
        }
    }
}
