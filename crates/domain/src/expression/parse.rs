//! Reads expressions by recursive descent, with a bound on nesting.

use super::{Comparison, Expression, Node, Part};
use crate::Value;
use std::fmt;
use std::ops::Range;

const DEPTH_MAX: usize = 64;

/// Why a text is not an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    /// Which bytes of it are wrong; empty at the end when something is missing.
    pub at: Range<usize>,
    /// What is wrong, in words.
    pub message: String,
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ExpressionError {}

impl std::str::FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(source: &str) -> Result<Self, ExpressionError> {
        Self::parse(source)
    }
}

pub(super) fn parse(source: &str) -> Result<Node, ExpressionError> {
    let mut parser = Parser {
        tokens: tokens(source)?,
        next: 0,
        end: source.len(),
    };
    let node = parser.either(0)?;
    match parser.peek() {
        None => Ok(node),
        Some((_, at)) => Err(error(at.clone(), "an operator was expected here")),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Literal(Value),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 12] = ["==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", ".", "-"];

fn error(at: Range<usize>, message: impl Into<String>) -> ExpressionError {
    ExpressionError {
        at,
        message: message.into(),
    }
}

fn tokens(source: &str) -> Result<Vec<(Token, Range<usize>)>, ExpressionError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        let rest = &source[at..];
        let (token, length) = if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        } else if first == '\'' || first == '"' {
            let closing = rest[1..]
                .find(first)
                .ok_or_else(|| error(at..source.len(), "this text has no closing quote"))?;
            (Token::Literal(Value::from(&rest[1..=closing])), closing + 2)
        } else if first.is_ascii_digit() {
            number(rest, at)?
        } else if first.is_alphabetic() || first == '_' {
            let length = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
                .unwrap_or(rest.len());
            (word(&rest[..length]), length)
        } else if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            (Token::Symbol(symbol), symbol.len())
        } else {
            return Err(error(
                at..at + first.len_utf8(),
                format!("`{first}` has no meaning here"),
            ));
        };
        tokens.push((token, at..at + length));
        at += length;
    }
    Ok(tokens)
}

fn number(rest: &str, at: usize) -> Result<(Token, usize), ExpressionError> {
    let whole = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let fraction = rest[whole..].strip_prefix('.').map_or(0, |digits| {
        digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())
    });
    let length = if fraction == 0 {
        whole
    } else {
        whole + 1 + fraction
    };
    let value = if fraction == 0 {
        rest[..length].parse().map(Value::Int).ok()
    } else {
        rest[..length].parse().map(Value::Float).ok()
    };
    let value = value.ok_or_else(|| error(at..at + length, "this number is too large"))?;
    Ok((Token::Literal(value), length))
}

fn word(text: &str) -> Token {
    match text {
        "true" => Token::Literal(Value::Bool(true)),
        "false" => Token::Literal(Value::Bool(false)),
        "null" => Token::Literal(Value::Null),
        _ => Token::Word(text.to_owned()),
    }
}

struct Parser {
    tokens: Vec<(Token, Range<usize>)>,
    next: usize,
    end: usize,
}

impl Parser {
    fn peek(&self) -> Option<&(Token, Range<usize>)> {
        self.tokens.get(self.next)
    }

    fn here(&self) -> Range<usize> {
        self.peek().map_or(self.end..self.end, |(_, at)| at.clone())
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let is_it = matches!(self.peek(), Some((Token::Word(word), _)) if word == wanted);
        self.next += usize::from(is_it);
        is_it
    }

    fn take_symbol(&mut self, wanted: &str) -> bool {
        let is_it = matches!(self.peek(), Some((Token::Symbol(symbol), _)) if *symbol == wanted);
        self.next += usize::from(is_it);
        is_it
    }

    fn either(&mut self, depth: usize) -> Result<Node, ExpressionError> {
        if depth > DEPTH_MAX {
            return Err(error(self.here(), "this is nested too deeply"));
        }
        let mut left = self.both(depth)?;
        while self.take_word("or") {
            left = Node::Either(Box::new(left), Box::new(self.both(depth)?));
        }
        Ok(left)
    }

    fn both(&mut self, depth: usize) -> Result<Node, ExpressionError> {
        let mut left = self.negation(depth)?;
        while self.take_word("and") {
            left = Node::Both(Box::new(left), Box::new(self.negation(depth)?));
        }
        Ok(left)
    }

    fn negation(&mut self, depth: usize) -> Result<Node, ExpressionError> {
        let mut is_negated = false;
        while self.take_word("not") {
            is_negated = !is_negated;
        }
        let node = self.comparison(depth)?;
        Ok(if is_negated {
            Node::Not(Box::new(node))
        } else {
            node
        })
    }

    fn comparison(&mut self, depth: usize) -> Result<Node, ExpressionError> {
        let left = self.operand(depth)?;
        let Some(how) = self.comparator() else {
            return Ok(left);
        };
        Ok(Node::Compare(how, Box::new(left), Box::new(self.operand(depth)?)))
    }

    fn comparator(&mut self) -> Option<Comparison> {
        if self.take_word("in") {
            return Some(Comparison::In);
        }
        [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ]
        .into_iter()
        .find_map(|(symbol, how)| self.take_symbol(symbol).then_some(how))
    }

    fn operand(&mut self, depth: usize) -> Result<Node, ExpressionError> {
        let at = self.here();
        if self.take_symbol("(") {
            let inner = self.either(depth + 1)?;
            return if self.take_symbol(")") {
                Ok(inner)
            } else {
                Err(error(self.here(), "`)` is missing"))
            };
        }
        if self.take_symbol("-") {
            return self.negative(at);
        }
        match self.peek().cloned() {
            Some((Token::Literal(value), _)) => {
                self.next += 1;
                Ok(Node::Literal(value))
            }
            Some((Token::Word(word), at)) if ["and", "or", "not", "in"].contains(&word.as_str()) => {
                Err(error(at, "a value was expected here"))
            }
            Some((Token::Word(root), _)) => {
                self.next += 1;
                Ok(Node::Path {
                    root,
                    parts: self.parts()?,
                })
            }
            Some((Token::Symbol(_), at)) => Err(error(at, "a value was expected here")),
            None => Err(error(at, "a value is missing")),
        }
    }

    fn negative(&mut self, at: Range<usize>) -> Result<Node, ExpressionError> {
        let value = match self.peek() {
            Some((Token::Literal(Value::Int(number)), _)) => Value::Int(-number),
            Some((Token::Literal(Value::Float(number)), _)) => Value::Float(-number),
            _ => return Err(error(at, "`-` stands only before a number")),
        };
        self.next += 1;
        Ok(Node::Literal(value))
    }

    fn parts(&mut self) -> Result<Vec<Part>, ExpressionError> {
        let mut parts = Vec::new();
        loop {
            if self.take_symbol(".") {
                let Some((Token::Word(name), _)) = self.peek().cloned() else {
                    return Err(error(self.here(), "a name is missing after `.`"));
                };
                self.next += 1;
                parts.push(Part::Name(name));
            } else if self.take_symbol("[") {
                let Some((Token::Literal(Value::Int(index)), at)) = self.peek().cloned() else {
                    return Err(error(
                        self.here(),
                        "a whole number is expected between `[` and `]`",
                    ));
                };
                self.next += 1;
                parts.push(Part::Index(
                    usize::try_from(index).map_err(|_| error(at, "this number is too large"))?,
                ));
                if !self.take_symbol("]") {
                    return Err(error(self.here(), "`]` is missing"));
                }
            } else {
                return Ok(parts);
            }
        }
    }
}
