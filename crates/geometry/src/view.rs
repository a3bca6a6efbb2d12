use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// One of the two cameras of a stereo rig.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// The camera on the operator's side.
    Top,
    /// The camera opposite, 45° further round in the paper's rig.
    Side,
}

impl View {
    /// Both views, in the order of the generated clip: top first.
    pub const ALL: [View; 2] = [View::Top, View::Side];

    /// Its place in [`View::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name used in topics, frames and files: `top` or `side`.
    pub fn name(self) -> &'static str {
        match self {
            View::Top => "top",
            View::Side => "side",
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for View {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        View::ALL
            .into_iter()
            .find(|view| view.name() == name)
            .ok_or_else(|| format!("no view is named {name:?}; the views are \"top\" and \"side\""))
    }
}
