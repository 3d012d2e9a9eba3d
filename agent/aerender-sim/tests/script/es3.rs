//! The script is ECMAScript 3: a parser's tree is held against the nodes that ES3 has, the tokens against what a tree does not
//! show (reserved words as names, trailing commas), and names against what came later.

use std::ops::ControlFlow;

use boa_engine::Source;
use boa_engine::ast::declaration::Binding;
use boa_engine::ast::expression::literal::{LiteralKind, PropertyDefinition};
use boa_engine::ast::expression::operator::assign::{AssignOp, AssignTarget};
use boa_engine::ast::expression::operator::binary::{ArithmeticOp, BinaryOp, LogicalOp};
use boa_engine::ast::function::FormalParameterList;
use boa_engine::ast::property::PropertyName;
use boa_engine::ast::scope::Scope;
use boa_engine::ast::statement::Catch;
use boa_engine::ast::statement::iteration::{ForLoopInitializer, IterableLoopInitializer};
use boa_engine::ast::visitor::{VisitWith, Visitor};
use boa_engine::ast::{Declaration, Expression, Statement, StatementListItem};
use boa_engine::interner::Interner;
use boa_engine::parser::Parser;

use crate::bench::SCRIPT;

/// Words that ES3 reserves, for now or for later: no names, not even behind a dot.
const RESERVED: [&str; 59] = [
    "break",
    "else",
    "new",
    "var",
    "case",
    "finally",
    "return",
    "void",
    "catch",
    "for",
    "switch",
    "while",
    "continue",
    "function",
    "this",
    "with",
    "default",
    "if",
    "throw",
    "delete",
    "in",
    "try",
    "do",
    "instanceof",
    "typeof",
    "abstract",
    "enum",
    "int",
    "short",
    "boolean",
    "export",
    "interface",
    "static",
    "byte",
    "extends",
    "long",
    "super",
    "char",
    "final",
    "native",
    "synchronized",
    "class",
    "float",
    "package",
    "throws",
    "const",
    "goto",
    "private",
    "transient",
    "debugger",
    "implements",
    "protected",
    "volatile",
    "double",
    "import",
    "public",
    "null",
    "true",
    "false",
];
/// Members and globals that came after ES3.
const YOUNGER: [&str; 50] = [
    "JSON",
    "Promise",
    "Symbol",
    "Map",
    "Set",
    "WeakMap",
    "Proxy",
    "Reflect",
    "globalThis",
    "BigInt",
    "forEach",
    "map",
    "filter",
    "reduce",
    "some",
    "every",
    "find",
    "findIndex",
    "includes",
    "fill",
    "flat",
    "from",
    "of",
    "isArray",
    "keys",
    "entries",
    "assign",
    "create",
    "defineProperty",
    "freeze",
    "getPrototypeOf",
    "getOwnPropertyNames",
    "bind",
    "trim",
    "trimStart",
    "trimEnd",
    "startsWith",
    "endsWith",
    "padStart",
    "padEnd",
    "repeat",
    "codePointAt",
    "fromCodePoint",
    "toISOString",
    "isFinite_",
    "isInteger",
    "isNaN_",
    "sign",
    "trunc",
    "log10",
];

/// What is not ECMAScript 3 in a source; empty if all is.
fn findings(source: &str) -> Vec<String> {
    let mut interner = Interner::default();
    let script = match Parser::new(Source::from_bytes(source.as_bytes()))
        .parse_script(&Scope::new_global(), &mut interner)
    {
        Ok(script) => script,
        Err(error) => return vec![format!("does not parse: {error}")],
    };
    let mut tree = Tree {
        found: Vec::new(),
        depth: 0,
    };
    let _ = tree.visit_script(&script);
    let mut found = tree.found;
    found.extend(token_findings(source));
    found
}

struct Tree {
    found: Vec<String>,
    /// How many statements lie around: a function is declared at the top of a script or function only.
    depth: usize,
}

impl Tree {
    fn refuse(&mut self, what: &str) {
        self.found.push(what.to_owned());
    }
}

impl<'ast> Visitor<'ast> for Tree {
    type BreakTy = ();

    fn visit_statement(&mut self, node: &'ast Statement) -> ControlFlow<()> {
        match node {
            Statement::ForOfLoop(_) => self.refuse("for … of"),
            Statement::With(_) => self.refuse("with (ES3, but no name in it is what it seems)"),
            Statement::Block(_)
            | Statement::Var(_)
            | Statement::Empty
            | Statement::Expression(_)
            | Statement::If(_)
            | Statement::DoWhileLoop(_)
            | Statement::WhileLoop(_)
            | Statement::ForLoop(_)
            | Statement::ForInLoop(_)
            | Statement::Switch(_)
            | Statement::Continue(_)
            | Statement::Break(_)
            | Statement::Return(_)
            | Statement::Labelled(_)
            | Statement::Throw(_)
            | Statement::Try(_) => {}
            #[allow(
                unreachable_patterns,
                reason = "a parser that learns another statement must not pass it"
            )]
            _ => self.refuse("a statement that ES3 does not have"),
        }
        self.depth += 1;
        let flow = node.visit_with(self);
        self.depth -= 1;
        flow
    }

    fn visit_statement_list_item(&mut self, node: &'ast StatementListItem) -> ControlFlow<()> {
        if matches!(node, StatementListItem::Declaration(_)) && self.depth > 0 {
            self.refuse("a declaration inside a block");
        }
        node.visit_with(self)
    }

    fn visit_function_body(
        &mut self,
        node: &'ast boa_engine::ast::function::FunctionBody,
    ) -> ControlFlow<()> {
        let depth = std::mem::take(&mut self.depth);
        let flow = node.visit_with(self);
        self.depth = depth;
        flow
    }

    fn visit_declaration(&mut self, node: &'ast Declaration) -> ControlFlow<()> {
        match node {
            Declaration::FunctionDeclaration(_) => {}
            Declaration::Lexical(_) => self.refuse("let or const"),
            Declaration::ClassDeclaration(_) => self.refuse("class"),
            Declaration::GeneratorDeclaration(_)
            | Declaration::AsyncFunctionDeclaration(_)
            | Declaration::AsyncGeneratorDeclaration(_) => {
                self.refuse("async or generator function");
            }
        }
        node.visit_with(self)
    }

    fn visit_expression(&mut self, node: &'ast Expression) -> ControlFlow<()> {
        match node {
            Expression::RegExpLiteral(_) => {
                self.refuse("a regular expression (ES3, but misread by some builds)")
            }
            Expression::Literal(literal) => {
                if matches!(literal.kind(), LiteralKind::BigInt(_)) {
                    self.refuse("a big integer");
                }
            }
            Expression::Binary(binary) => match binary.op() {
                BinaryOp::Arithmetic(ArithmeticOp::Exp) => self.refuse("**"),
                BinaryOp::Logical(LogicalOp::Coalesce) => self.refuse("??"),
                BinaryOp::Arithmetic(_)
                | BinaryOp::Bitwise(_)
                | BinaryOp::Relational(_)
                | BinaryOp::Logical(_)
                | BinaryOp::Comma => {}
            },
            Expression::Assign(assign) => {
                if matches!(
                    assign.op(),
                    AssignOp::Exp | AssignOp::BoolAnd | AssignOp::BoolOr | AssignOp::Coalesce
                ) {
                    self.refuse("an assignment that ES3 does not have");
                }
                if matches!(assign.lhs(), AssignTarget::Pattern(_)) {
                    self.refuse("destructuring");
                }
            }
            Expression::This(_)
            | Expression::Identifier(_)
            | Expression::ArrayLiteral(_)
            | Expression::ObjectLiteral(_)
            | Expression::FunctionExpression(_)
            | Expression::PropertyAccess(_)
            | Expression::New(_)
            | Expression::Call(_)
            | Expression::Unary(_)
            | Expression::Update(_)
            | Expression::Conditional(_)
            | Expression::Parenthesized(_) => {}
            other => self.refuse(&format!(
                "an expression that ES3 does not have: {:.60}",
                format!("{other:?}")
            )),
        }
        node.visit_with(self)
    }

    fn visit_property_definition(&mut self, node: &'ast PropertyDefinition) -> ControlFlow<()> {
        match node {
            PropertyDefinition::Property(PropertyName::Literal(_), _) => {}
            PropertyDefinition::Property(PropertyName::Computed(_), _) => {
                self.refuse("a computed key")
            }
            PropertyDefinition::IdentifierReference(_) => self.refuse("a key without a value"),
            PropertyDefinition::MethodDefinition(_) => {
                self.refuse("a getter, setter or method in an object")
            }
            other => self.refuse(&format!(
                "a spread or default in an object: {:.40}",
                format!("{other:?}")
            )),
        }
        node.visit_with(self)
    }

    fn visit_formal_parameter_list(&mut self, node: &'ast FormalParameterList) -> ControlFlow<()> {
        if !node.is_simple() {
            self.refuse("a parameter with a default, a pattern or …");
        }
        node.visit_with(self)
    }

    fn visit_binding(&mut self, node: &'ast Binding) -> ControlFlow<()> {
        if matches!(node, Binding::Pattern(_)) {
            self.refuse("destructuring");
        }
        node.visit_with(self)
    }

    fn visit_catch(&mut self, node: &'ast Catch) -> ControlFlow<()> {
        if node.parameter().is_none() {
            self.refuse("catch without a name");
        }
        node.visit_with(self)
    }

    fn visit_for_loop_initializer(&mut self, node: &'ast ForLoopInitializer) -> ControlFlow<()> {
        if matches!(node, ForLoopInitializer::Lexical(_)) {
            self.refuse("let or const");
        }
        node.visit_with(self)
    }

    fn visit_iterable_loop_initializer(
        &mut self,
        node: &'ast IterableLoopInitializer,
    ) -> ControlFlow<()> {
        if matches!(
            node,
            IterableLoopInitializer::Let(_)
                | IterableLoopInitializer::Const(_)
                | IterableLoopInitializer::Pattern(_)
        ) {
            self.refuse("let, const or destructuring in for … in");
        }
        node.visit_with(self)
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text,
    Number(String),
    Mark(char),
}

/// The tokens of a source without regular expressions and templates, and what is wrong inside them.
fn tokens(source: &str) -> (Vec<Token>, Vec<String>) {
    let letters: Vec<char> = source.chars().collect();
    let (mut tokens, mut found, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(letter) = letters.get(at).copied() {
        let next = letters.get(at + 1).copied().unwrap_or(' ');
        if letter == '/' && next == '/' {
            at += letters[at..]
                .iter()
                .position(|letter| *letter == '\n')
                .unwrap_or(letters.len() - at);
        } else if letter == '/' && next == '*' {
            let rest = letters[at + 2..]
                .windows(2)
                .position(|pair| pair == ['*', '/']);
            at += 4 + rest.unwrap_or(letters.len());
        } else if letter == '"' || letter == '\'' {
            at += 1;
            while letters.get(at).is_some_and(|inner| *inner != letter) {
                if letters[at] == '\\' {
                    if letters.get(at + 1) == Some(&'\n') {
                        found.push("a text over two lines".to_owned());
                    }
                    if letters.get(at + 1) == Some(&'u') && letters.get(at + 2) == Some(&'{') {
                        found.push("\\u{…}".to_owned());
                    }
                    at += 1;
                }
                at += 1;
            }
            at += 1;
            tokens.push(Token::Text);
        } else if letter.is_alphanumeric() || letter == '_' || letter == '$' {
            let start = at;
            while letters
                .get(at)
                .is_some_and(|inner| inner.is_alphanumeric() || matches!(inner, '_' | '$'))
            {
                at += 1;
            }
            let word: String = letters[start..at].iter().collect();
            tokens.push(if letter.is_ascii_digit() {
                Token::Number(word)
            } else {
                Token::Word(word)
            });
        } else {
            if !letter.is_whitespace() {
                tokens.push(Token::Mark(letter));
            }
            at += 1;
        }
    }
    (tokens, found)
}

fn token_findings(source: &str) -> Vec<String> {
    let (tokens, mut found) = tokens(source);
    if !source.is_ascii()
        && tokens
            .iter()
            .any(|token| matches!(token, Token::Word(word) if !word.is_ascii()))
    {
        found.push("a name that is not ASCII".to_owned());
    }
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        let after = tokens.get(at + 1);
        match token {
            Token::Mark(',') if matches!(after, Some(Token::Mark(']' | '}' | ')'))) => {
                found.push("a comma at the end of a list".to_owned())
            }
            Token::Word(word) if RESERVED.contains(&word.as_str()) => {
                let key = after == Some(&Token::Mark(':'))
                    && matches!(before, Some(Token::Mark('{' | ',')));
                if before == Some(&Token::Mark('.')) || key {
                    found.push(format!("the reserved word {word} as a name"));
                }
            }
            Token::Word(word) if YOUNGER.contains(&word.as_str()) => {
                // a key of our own data may be named so, a member or global may not
                if after != Some(&Token::Mark(':')) {
                    found.push(format!("{word}, which came after ES3"));
                }
            }
            Token::Number(number) => {
                let lower = number.to_ascii_lowercase();
                let octal = lower.len() > 1
                    && lower.starts_with('0')
                    && lower.as_bytes()[1].is_ascii_digit();
                if lower.contains('_')
                    || lower.starts_with("0b")
                    || lower.starts_with("0o")
                    || lower.ends_with('n')
                    || octal
                {
                    found.push(format!("the number {number}"));
                }
            }
            Token::Word(_) | Token::Text | Token::Mark(_) => {}
        }
    }
    found
}

#[test]
fn the_script_is_ecmascript_3() {
    let source = std::fs::read_to_string(SCRIPT).unwrap();
    assert_eq!(findings(&source), Vec::<String>::new());
    assert!(
        source.is_ascii() || source.contains("…"),
        "only comments go beyond ASCII"
    );
    assert!(
        !source.contains("#include") && !source.contains("//@") && !source.contains("#target"),
        "no directives"
    );
}

#[test]
fn what_turns_data_into_code_is_not_even_named() {
    let source = std::fs::read_to_string(SCRIPT).unwrap();
    let (tokens, _) = tokens(&source);
    for name in [
        "eval",
        "Function",
        "callSystem",
        "evalFile",
        "execute",
        "expression",
        "applyPreset",
        "executeCommand",
        "scheduleTask",
        "setTimeout",
        "Socket",
        "BridgeTalk",
        "ExternalObject",
    ] {
        assert!(
            !tokens.contains(&Token::Word(name.to_owned())),
            "{name} is named in the script"
        );
    }
}

#[test]
fn everything_younger_is_found() {
    for planted in [
        "let a = 1;",
        "const a = 1;",
        "for (let a = 1; a;) {}",
        "var f = a => a;",
        "class A {}",
        "var a = `x`;",
        "var a = {b};",
        "var a = {[b]: 1};",
        "var a = {get b() { return 1; }};",
        "var a = {b() {}};",
        "var a = {...b};",
        "var a = [...b];",
        "f(...a);",
        "for (var a of b) {}",
        "function f(a = 1) {}",
        "function f(...a) {}",
        "var {a} = b;",
        "[a, b] = c;",
        "try { f(); } catch { g(); }",
        "a ** b;",
        "a ?? b;",
        "a?.b;",
        "a ||= b;",
        "a **= 2;",
        "function* g() {}",
        "async function f() {}",
        "var a = 10n;",
        "new.target;",
        "var a = {default: 1};",
        "a.default;",
        "a.class = 1;",
        "var a = [1, 2,];",
        "var a = {b: 1,};",
        "f(a,);",
        "a.forEach(f);",
        "JSON.parse(a);",
        "a.trim();",
        "Object.keys(a);",
        "[].map(f);",
        "var a = 0b1;",
        "var a = 0o7;",
        "var a = 1_000;",
        "var a = 'b\\\nc';",
        "var a = '\\u{61}';",
        "if (a) { function f() {} }",
        "var a = /b/;",
        "with (a) { b; }",
        "import('x');",
        "var a = 010;",
    ] {
        let source = if planted.contains("new.target") {
            format!("function f() {{ {planted} }}")
        } else {
            planted.to_owned()
        };
        assert!(!findings(&source).is_empty(), "{planted} is not found");
    }
    for good in [
        "var a = {b: 1, 'class': 2}; a['default'] = a ? 1 : 2; for (var k in a) { if (k in a) { delete a[k]; } }",
        "try { throw new Error('x'); } catch (e) { f(e.message); } finally { g(); }",
        "outer: while (true) { switch (a) { case 1: break outer; default: continue; } }",
    ] {
        assert_eq!(findings(good), Vec::<String>::new(), "{good}");
    }
}
