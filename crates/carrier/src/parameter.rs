//! A node's parameters: each declared once with its unit, default and range, then read-only.

use std::{collections::BTreeMap, fmt};

use serde_yaml_ng::Value;

use crate::{
    NodeArgs,
    params_file::{Origin, Override},
};

/// A parameter's value.
#[derive(Clone, Debug, PartialEq)]
pub enum ParameterValue {
    /// `bool`
    Bool(bool),
    /// `integer`
    Integer(i64),
    /// `double`
    Double(f64),
    /// `string`
    Text(String),
    /// `string_array`
    TextList(Vec<String>),
}

impl fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Double(value) => write!(f, "{value:?}"),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::TextList(value) => write!(f, "{value:?}"),
        }
    }
}

/// A Rust type that a parameter can have.
pub trait ParameterType: Clone + Sized {
    /// The type's name in messages.
    const NAME: &'static str;

    /// The value in YAML as this type, or `None` if it is of another. An integer is taken where a number with
    /// a fraction is expected, nothing else is converted.
    fn from_yaml(value: &Value) -> Option<Self>;

    /// The value as a parameter.
    fn into_value(self) -> ParameterValue;
}

macro_rules! parameter_type {
    ($type:ty, $name:literal, $variant:ident, $from:expr) => {
        impl ParameterType for $type {
            const NAME: &'static str = $name;

            fn from_yaml(value: &Value) -> Option<Self> {
                $from(value)
            }

            fn into_value(self) -> ParameterValue {
                ParameterValue::$variant(self)
            }
        }
    };
}

parameter_type!(bool, "bool", Bool, Value::as_bool);
parameter_type!(i64, "integer", Integer, Value::as_i64);
parameter_type!(f64, "double", Double, Value::as_f64);
parameter_type!(String, "string", Text, |value: &Value| value.as_str().map(str::to_owned));
parameter_type!(Vec<String>, "string_array", TextList, |value: &Value| {
    value.as_sequence()?.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>()
});

/// A parameter before it has its value: name, default, and what a reader has to know of it.
///
/// ```
/// # use dreamitate_carrier::{Declaration, NodeArgs, ParameterSet};
/// # let args = NodeArgs::new("pose_fusion")?.with_parameter("gate.ray_gap_m", "0.02");
/// let (ray_gap_m, _) = ParameterSet::read(&args, |parameters| {
///     parameters.declare(
///         Declaration::new("gate.ray_gap_m", 0.01)
///             .unit("m")
///             .about("Largest distance between the two views' rays to the tool")
///             .range(0.0, 0.1),
///     )
/// })?;
/// assert_eq!(ray_gap_m, 0.02);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Declaration<T> {
    name: String,
    default: T,
    unit: String,
    about: String,
    range: Option<(T, T)>,
    choices: Vec<T>,
}

impl<T: ParameterType> Declaration<T> {
    /// A parameter of this name and default.
    pub fn new(name: &str, default: T) -> Self {
        Self {
            name: name.to_owned(),
            default,
            unit: String::new(),
            about: String::new(),
            range: None,
            choices: Vec::new(),
        }
    }

    /// Its unit, for example `m` or `rad/s`.
    pub fn unit(self, unit: &str) -> Self {
        Self { unit: unit.to_owned(), ..self }
    }

    /// What it does, in a sentence.
    pub fn about(self, about: &str) -> Self {
        Self { about: about.to_owned(), ..self }
    }
}

impl<T: ParameterType + PartialOrd> Declaration<T> {
    /// Its smallest and largest allowed value. (For numbers; text has [`choices`](Declaration::choices).)
    pub fn range(self, min: T, max: T) -> Self {
        Self { range: Some((min, max)), ..self }
    }
}

impl Declaration<String> {
    /// A parameter that is text.
    pub fn text(name: &str, default: &str) -> Self {
        Self::new(name, default.to_owned())
    }

    /// The only texts that it may be.
    pub fn choices(self, choices: &[&str]) -> Self {
        Self { choices: choices.iter().map(|&choice| choice.to_owned()).collect(), ..self }
    }
}

/// A parameter with its value, as it is shown to whoever asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// What the value is.
    pub value: ParameterValue,
    /// The unit; empty if it has none.
    pub unit: String,
    /// What it does.
    pub about: String,
    /// Smallest and largest allowed value.
    pub range: Option<(ParameterValue, ParameterValue)>,
    /// The only allowed values, if there are such.
    pub choices: Vec<ParameterValue>,
    /// Where the value was given.
    pub origin: Origin,
}

/// A parameter that a node cannot take. Each message names the parameter, the value and the limit.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ParameterError {
    /// Nobody declared it.
    #[error("unknown parameter {name} ({origin}); this node has: {known}")]
    Unknown {
        /// Its name.
        name: String,
        /// Where it was given.
        origin: Origin,
        /// The names that the node declares.
        known: String,
    },
    /// A value of another type.
    #[error("parameter {name}: {value} ({origin}) is not of type {expected}")]
    WrongType {
        /// Its name.
        name: String,
        /// What was given, in YAML.
        value: String,
        /// Where it was given.
        origin: Origin,
        /// The declared type.
        expected: &'static str,
    },
    /// A number outside its range.
    #[error("parameter {name}: {value} ({origin}) is outside {limits}")]
    OutOfRange {
        /// Its name.
        name: String,
        /// What was given, with its unit.
        value: String,
        /// Where it was given.
        origin: Origin,
        /// The smallest and the largest allowed value, with their unit.
        limits: String,
    },
    /// A text that is none of the choices.
    #[error("parameter {name}: {value} ({origin}) is none of {choices}")]
    NotAChoice {
        /// Its name.
        name: String,
        /// What was given.
        value: String,
        /// Where it was given.
        origin: Origin,
        /// What is allowed.
        choices: String,
    },
    /// A second declaration of one name.
    #[error("parameter {0} is declared twice")]
    Twice(String),
}

/// The parameters of one node.
#[derive(Clone, Debug, Default)]
pub struct ParameterSet {
    declared: BTreeMap<String, Parameter>,
    overrides: Vec<Override>,
}

impl ParameterSet {
    /// What `declare` makes of the node's arguments, and the parameters it declared.
    ///
    /// # Errors
    /// What `declare` answers, or [`ParameterError::Unknown`] if a parameter is set for this node that it did
    /// not declare. (One set through a wildcard may be meant for another node: it is logged and passed over.)
    pub fn read<T>(
        args: &NodeArgs,
        declare: impl FnOnce(&mut Self) -> Result<T, ParameterError>,
    ) -> Result<(T, Self), ParameterError> {
        let mut set = Self { declared: BTreeMap::new(), overrides: args.overrides().to_vec() };
        let made = declare(&mut set)?;
        for Override { name, origin, exact, .. } in std::mem::take(&mut set.overrides) {
            if set.declared.contains_key(&name) {
                continue;
            }
            if exact {
                let known = set.declared.keys().cloned().collect::<Vec<_>>().join(", ");
                let known = if known.is_empty() { "none".to_owned() } else { known };
                return Err(ParameterError::Unknown { name, origin, known });
            }
            tracing::warn!(node = %args.name(), parameter = name, %origin, "not a parameter of this node");
        }
        Ok((made, set))
    }

    /// The value of a parameter: the one given last, or its default.
    ///
    /// # Errors
    /// [`ParameterError`] if that value is of the wrong type or not allowed, or the name is taken.
    pub fn declare<T: ParameterType + PartialOrd>(
        &mut self,
        declaration: Declaration<T>,
    ) -> Result<T, ParameterError> {
        let Declaration { name, default, unit, about, range, choices } = declaration;
        if self.declared.contains_key(&name) {
            return Err(ParameterError::Twice(name));
        }
        let (value, origin) = match self.overrides.iter().rev().find(|given| given.name == name) {
            None => (default, Origin::Default),
            Some(Override { value, origin, .. }) => match T::from_yaml(value) {
                Some(value) => (value, origin.clone()),
                None => {
                    let value = serde_yaml_ng::to_string(value).unwrap_or_default().trim_end().to_owned();
                    return Err(ParameterError::WrongType {
                        name,
                        value,
                        origin: origin.clone(),
                        expected: T::NAME,
                    });
                }
            },
        };
        let shown = |value: &T| value.clone().into_value().to_string();
        if let Some((min, max)) = &range
            && !(*min <= value && value <= *max)
        {
            let in_unit = |text: String| if unit.is_empty() { text } else { format!("{text} {unit}") };
            let limits = in_unit(format!("{} to {}", shown(min), shown(max)));
            return Err(ParameterError::OutOfRange { name, value: in_unit(shown(&value)), origin, limits });
        }
        if !choices.is_empty() && !choices.contains(&value) {
            let choices = choices.iter().map(shown).collect::<Vec<_>>().join(", ");
            return Err(ParameterError::NotAChoice { name, value: shown(&value), origin, choices });
        }
        let parameter = Parameter {
            value: value.clone().into_value(),
            unit,
            about,
            range: range.map(|(min, max)| (min.into_value(), max.into_value())),
            choices: choices.into_iter().map(T::into_value).collect(),
            origin,
        };
        self.declared.insert(name, parameter);
        Ok(value)
    }

    /// A parameter by its name.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.declared.get(name)
    }

    /// All parameters, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        self.declared.iter().map(|(name, parameter)| (name.as_str(), parameter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(value: &str) -> Result<f64, ParameterError> {
        let args = NodeArgs::new("n").unwrap().with_parameter("rate_hz", value);
        let rate = Declaration::new("rate_hz", 5.0).unit("Hz").range(0.1, 60.0);
        ParameterSet::read(&args, |p| p.declare(rate)).map(|(rate, _)| rate)
    }

    #[test]
    fn every_type_is_read() {
        let args =
            ["flag:=true", "count:=-3", "ratio:=2", "text:=midpoint", "names:=[a, \"1\"]", "quoted:=\"7\""];
        let args =
            NodeArgs::parse("n", ["--ros-args"].into_iter().chain(args.iter().flat_map(|a| ["-p", *a])))
                .unwrap();
        let (values, set) = ParameterSet::read(&args, |p| {
            Ok((
                p.declare(Declaration::new("flag", false))?,
                p.declare(Declaration::new("count", 1_i64))?,
                p.declare(Declaration::new("ratio", 1.0))?,
                p.declare(Declaration::text("text", "soft").choices(&["soft", "midpoint"]))?,
                p.declare(Declaration::<Vec<String>>::new("names", Vec::new()))?,
                p.declare(Declaration::text("quoted", ""))?,
                p.declare(Declaration::text("untouched", "as declared"))?,
            ))
        })
        .unwrap();
        assert_eq!((values.0, values.1, values.2), (true, -3, 2.0));
        assert_eq!(
            (values.3.as_str(), values.5.as_str(), values.6.as_str()),
            ("midpoint", "7", "as declared")
        );
        assert_eq!(values.4, ["a", "1"]);
        assert_eq!(set.get("flag").unwrap().origin, Origin::CommandLine);
        assert_eq!(set.get("untouched").unwrap().origin, Origin::Default);
    }

    #[test]
    fn a_value_out_of_range_names_value_and_limits() {
        assert_eq!(rate("60"), Ok(60.0));
        for (value, shown) in [("61", "61.0"), ("-1.5", "-1.5"), (".nan", "NaN"), (".inf", "inf")] {
            let message = rate(value).unwrap_err().to_string();
            assert_eq!(message, format!("parameter rate_hz: {shown} Hz (program) is outside 0.1 to 60.0 Hz"));
        }
    }

    #[test]
    fn a_value_of_another_type_is_an_error() {
        for value in ["fast", "true", "[1.0]", "\"5\""] {
            assert!(
                matches!(rate(value), Err(ParameterError::WrongType { expected: "double", .. })),
                "{value}"
            );
        }
        let args = NodeArgs::new("n").unwrap().with_parameter("s", "12");
        let error = ParameterSet::read(&args, |p| p.declare(Declaration::text("s", ""))).unwrap_err();
        assert_eq!(error.to_string(), "parameter s: 12 (program) is not of type string");
    }

    #[test]
    fn an_unknown_parameter_is_an_error_that_lists_the_known() {
        let args = NodeArgs::parse("n", ["--ros-args", "-p", "rate:=1.0"]).unwrap();
        let declare = |p: &mut ParameterSet| {
            p.declare(Declaration::new("rate_hz", 5.0))?;
            p.declare(Declaration::new("loop", false))
        };
        assert_eq!(
            ParameterSet::read(&args, declare).unwrap_err().to_string(),
            "unknown parameter rate (command line); this node has: loop, rate_hz"
        );
    }

    #[test]
    fn a_wrong_choice_and_a_second_declaration_are_errors() {
        let args = NodeArgs::new("n").unwrap().with_parameter("fusion", "median");
        let fusion = || Declaration::text("fusion", "soft").choices(&["soft", "midpoint"]);
        assert_eq!(
            ParameterSet::read(&args, |p| p.declare(fusion())).unwrap_err().to_string(),
            "parameter fusion: \"median\" (program) is none of \"soft\", \"midpoint\""
        );
        let args = NodeArgs::new("n").unwrap();
        let twice = ParameterSet::read(&args, |p| p.declare(fusion()).and_then(|_| p.declare(fusion())));
        assert_eq!(twice.unwrap_err(), ParameterError::Twice("fusion".to_owned()));
    }
}
