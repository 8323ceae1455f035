//! Reads tokens into a query. As on the platform, AND and OR don't mix without brackets.

use super::QueryError;
use super::ast::{
    Comparison, Condition, Expression, FieldGroup, Fields, Function, Item, Literal, LiteralValue,
    Name, Order, Query,
};
use super::lexer::{Token, cut};
use super::literal;

/// The longest statement taken, in characters.
const LONGEST: usize = 100_000;

pub(super) fn parse(text: &str) -> Result<Query, QueryError> {
    if text.chars().count() > LONGEST {
        return Err(QueryError::new(
            "QUERY_TOO_COMPLICATED",
            "SOQL statements cannot be longer than 100,000 characters.",
        ));
    }
    let mut parser = Parser {
        tokens: cut(text)?,
        at: 0,
        depth: 0,
    };
    let query = parser.query()?;
    match parser.peek() {
        Token::End => Ok(query),
        _ => Err(parser.unexpected()),
    }
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    at: usize,
    /// Brackets and negations open around here.
    depth: usize,
}

/// How deep conditions and inner queries may nest.
const DEEPEST: usize = 100;

const RESERVED: [&str; 12] = [
    "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "WITH", "USING", "ALL",
    "AND",
];

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens
            .get(self.at)
            .map_or(&Token::End, |(token, _)| token)
    }

    fn position(&self) -> usize {
        self.tokens
            .get(self.at)
            .or(self.tokens.last())
            .map_or(0, |(_, at)| *at)
    }

    fn unexpected(&self) -> QueryError {
        QueryError::unexpected(&self.peek().shown(), self.position())
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(w) if w.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let there = self.is_word(word);
        self.at += usize::from(there);
        there
    }

    fn take(&mut self, symbol: &str) -> bool {
        let there = matches!(self.peek(), Token::Symbol(s) if *s == symbol);
        self.at += usize::from(there);
        there
    }

    fn need(&mut self, symbol: &str) -> Result<(), QueryError> {
        if self.take(symbol) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn need_word(&mut self, word: &str) -> Result<(), QueryError> {
        if self.take_word(word) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn name(&mut self) -> Result<Name, QueryError> {
        let at = self.position();
        match self.peek() {
            Token::Word(word) if !RESERVED.iter().any(|r| r.eq_ignore_ascii_case(word)) => {
                let text = word.clone();
                self.at += 1;
                Ok(Name { text, at })
            }
            _ => Err(self.unexpected()),
        }
    }

    /// The object of a query; one is called like the beginning of GROUP BY.
    fn object(&mut self) -> Result<Name, QueryError> {
        let at = self.position();
        let by = |token: &Token| matches!(token, Token::Word(w) if w.eq_ignore_ascii_case("BY"));
        let before_by = self.tokens.get(self.at + 1).is_some_and(|(t, _)| by(t));
        match self.peek().clone() {
            Token::Word(text) if text.eq_ignore_ascii_case("GROUP") && !before_by => {
                self.at += 1;
                Ok(Name { text, at })
            }
            _ => self.name(),
        }
    }

    fn alias(&mut self) -> Option<String> {
        let name = self.name().ok()?;
        Some(name.text)
    }

    /// Reads something that may hold its like, which must end before the stack does.
    fn nested<T>(&mut self, read: fn(&mut Self) -> Result<T, QueryError>) -> Result<T, QueryError> {
        if self.depth >= DEEPEST {
            let text = "The query is nested too deeply";
            return Err(QueryError::new("QUERY_TOO_COMPLICATED", text).at(self.position()));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn query(&mut self) -> Result<Query, QueryError> {
        self.need_word("SELECT")?;
        let mut query = Query {
            select: Vec::new(),
            fields: Vec::new(),
            children: Vec::new(),
            count_only: false,
            from: Name {
                text: String::new(),
                at: 0,
            },
            alias: None,
            filter: None,
            group_by: Vec::new(),
            having: None,
            order_by: Vec::new(),
            limit: None,
            offset: 0,
        };
        if self.is_word("COUNT")
            && self.tokens[self.at + 1..]
                .iter()
                .take(2)
                .map(|(t, _)| t)
                .eq(&[Token::Symbol("("), Token::Symbol(")")])
        {
            self.at += 3;
            query.count_only = true;
        } else {
            loop {
                self.item(&mut query)?;
                if !self.take(",") {
                    break;
                }
            }
        }
        self.need_word("FROM")?;
        query.from = self.object()?;
        query.alias = self.alias();
        if self.take_word("WHERE") {
            query.filter = Some(self.condition()?);
        }
        if self.take_word("GROUP") {
            self.need_word("BY")?;
            query.group_by = self.list(Self::name)?;
            if self.take_word("HAVING") {
                query.having = Some(self.condition()?);
            }
        }
        if self.take_word("ORDER") {
            self.need_word("BY")?;
            query.order_by = self.list(Self::order)?;
        }
        if self.take_word("LIMIT") {
            query.limit = Some(self.count()?);
        }
        if self.take_word("OFFSET") {
            query.offset = self.count()?;
            if query.offset > 2000 {
                return Err(QueryError::new(
                    "NUMBER_OUTSIDE_VALID_RANGE",
                    "Maximum SOQL offset allowed is 2000",
                ));
            }
        }
        Ok(query)
    }

    fn item(&mut self, query: &mut Query) -> Result<(), QueryError> {
        let place = query.select.len();
        let at = self.position();
        if self.take("(") {
            query.children.push((place, self.nested(Self::query)?));
            return self.need(")");
        }
        if self.is_word("TYPEOF") {
            let text = "TYPEOF is not supported by this org; select the fields of all types by their paths";
            return Err(QueryError::new("MALFORMED_QUERY", text).at(at));
        }
        if self.is_call("FIELDS") {
            self.at += 2;
            let group = match self.next() {
                Token::Word(word) if word.eq_ignore_ascii_case("ALL") => FieldGroup::All,
                Token::Word(word) if word.eq_ignore_ascii_case("STANDARD") => FieldGroup::Standard,
                Token::Word(word) if word.eq_ignore_ascii_case("CUSTOM") => FieldGroup::Custom,
                _ => {
                    self.at -= 1;
                    return Err(self.unexpected());
                }
            };
            query.fields.push(Fields { place, at, group });
            return self.need(")");
        }
        let expression = self.expression()?;
        let alias = self.alias();
        query.select.push(Item { expression, alias });
        Ok(())
    }

    /// Whether this word follows, and an opening bracket.
    fn is_call(&self, word: &str) -> bool {
        let next = self.tokens.get(self.at + 1).map(|(token, _)| token);
        self.is_word(word) && next == Some(&Token::Symbol("("))
    }

    fn list<T>(
        &mut self,
        one: fn(&mut Self) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        let mut all = vec![one(self)?];
        while self.take(",") {
            all.push(one(self)?);
        }
        Ok(all)
    }

    fn count(&mut self) -> Result<usize, QueryError> {
        match self.peek() {
            Token::Number(number) => {
                let count = number.parse().map_err(|_| self.unexpected())?;
                self.at += 1;
                Ok(count)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn expression(&mut self) -> Result<Expression, QueryError> {
        let name = self.name()?;
        if !matches!(self.peek(), Token::Symbol("(")) {
            return Ok(Expression::Field(name));
        }
        let function = match name.text.to_ascii_uppercase().as_str() {
            "COUNT" => Function::Count,
            "COUNT_DISTINCT" => Function::CountDistinct,
            "SUM" => Function::Sum,
            "AVG" => Function::Avg,
            "MIN" => Function::Min,
            "MAX" => Function::Max,
            _ => return Err(QueryError::unexpected(&name.text, name.at)),
        };
        self.need("(")?;
        let argument = self.name()?;
        self.need(")")?;
        Ok(Expression::Aggregate(function, argument))
    }

    fn order(&mut self) -> Result<Order, QueryError> {
        let by = self.expression()?;
        let descending = self.take_word("DESC");
        if !descending {
            self.take_word("ASC");
        }
        let mut nulls_last = false;
        if self.take_word("NULLS") {
            nulls_last = self.take_word("LAST");
            if !nulls_last {
                self.need_word("FIRST")?;
            }
        }
        Ok(Order {
            by,
            descending,
            nulls_last,
        })
    }

    fn condition(&mut self) -> Result<Condition, QueryError> {
        let first = self.factor()?;
        for (word, other) in [("AND", "OR"), ("OR", "AND")] {
            if !self.is_word(word) {
                continue;
            }
            let mut parts = vec![first];
            while self.take_word(word) {
                parts.push(self.factor()?);
            }
            if self.is_word(other) {
                return Err(self.unexpected());
            }
            return Ok(if word == "AND" {
                Condition::And(parts)
            } else {
                Condition::Or(parts)
            });
        }
        Ok(first)
    }

    fn factor(&mut self) -> Result<Condition, QueryError> {
        if self.take_word("NOT") {
            return Ok(Condition::Not(Box::new(self.nested(Self::factor)?)));
        }
        if self.take("(") {
            let inner = self.nested(Self::condition)?;
            self.need(")")?;
            return Ok(inner);
        }
        let left = self.expression()?;
        let negated = self.is_word("NOT");
        if negated || self.is_word("IN") {
            self.at += usize::from(negated);
            self.need_word("IN")?;
            return self.members(left, negated);
        }
        let comparison = match self.next() {
            Token::Symbol("=") => Comparison::Equal,
            Token::Symbol("!=" | "<>") => Comparison::NotEqual,
            Token::Symbol("<") => Comparison::Less,
            Token::Symbol("<=") => Comparison::LessOrEqual,
            Token::Symbol(">") => Comparison::Greater,
            Token::Symbol(">=") => Comparison::GreaterOrEqual,
            Token::Word(word) if word.eq_ignore_ascii_case("LIKE") => Comparison::Like,
            _ => {
                self.at -= 1;
                return Err(self.unexpected());
            }
        };
        Ok(Condition::Compare(left, comparison, self.literal()?))
    }

    fn members(&mut self, left: Expression, negated: bool) -> Result<Condition, QueryError> {
        self.need("(")?;
        let condition = if self.is_word("SELECT") {
            Condition::InQuery {
                left,
                query: Box::new(self.nested(Self::query)?),
                negated,
            }
        } else {
            let list = self.list(Self::literal)?;
            Condition::In {
                left,
                list,
                negated,
            }
        };
        self.need(")")?;
        Ok(condition)
    }

    fn literal(&mut self) -> Result<Literal, QueryError> {
        let at = self.position();
        let value = match self.peek() {
            Token::Text(text) => Some(LiteralValue::Text(text.clone())),
            Token::Number(number) => literal::number(number),
            Token::Word(word) => literal::word(word),
            Token::Symbol(_) | Token::End => None,
        };
        let value = value.ok_or_else(|| self.unexpected())?;
        self.at += 1;
        Ok(Literal { value, at })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_clause() {
        let query = parse(
            "select Status__c, count(Id) n from Contact c where (not Name like 'a%') and Account.Name in ('x','y') \
             group by Status__c having count(Id) > 1 order by Status__c desc nulls last limit 5 offset 2",
        )
        .unwrap();
        assert_eq!(query.select.len(), 2);
        assert_eq!(query.select[1].alias.as_deref(), Some("n"));
        assert_eq!(query.alias.as_deref(), Some("c"));
        assert!(query.having.is_some());
        assert_eq!((query.limit, query.offset), (Some(5), 2));
        assert!(parse("SELECT COUNT() FROM Account").unwrap().count_only);
    }

    #[test]
    fn refuses_what_the_platform_refuses() {
        for text in [
            "",
            "SELECT",
            "SELECT FROM Account",
            "SELECT Id Account",
            "SELECT Id FROM Account WHERE",
            "SELECT Id FROM Account WHERE Name = 'a' OR Name = 'b' AND Name = 'c'",
            "SELECT Id FROM Account WHERE Name = abc",
            "SELECT Id FROM Account WHERE Name IN ()",
            "SELECT Id FROM Account LIMIT x",
            "SELECT * FROM Account",
            "SELECT Id FROM Account;",
            "SELECT Id FROM Account FOR UPDATE",
            "SELECT Id FROM Account OFFSET 2001",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
