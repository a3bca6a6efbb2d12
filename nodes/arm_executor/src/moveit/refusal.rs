use dreamitate_msgs::moveit_msgs::MoveItErrorCodes;

/// Why a request has no answer: MoveIt's code, and words with the value and the limit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub code: i32,
    pub message: String,
}

impl Refusal {
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<Refusal> for MoveItErrorCodes {
    fn from(refusal: Refusal) -> Self {
        Self { val: refusal.code, message: refusal.message, source: "arm_executor".to_owned() }
    }
}

/// MoveIt's word for "done".
pub(crate) fn success() -> MoveItErrorCodes {
    MoveItErrorCodes { val: MoveItErrorCodes::SUCCESS, ..Default::default() }
}
