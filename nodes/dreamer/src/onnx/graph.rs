use super::{OnnxError, Provider, error::is_too_much, runtime::environment};
use ort::{
    memory::{Allocator, MemoryInfo},
    session::{IoBinding, Session, builder::GraphOptimizationLevel},
    value::{Tensor, TensorElementType, TensorRef, ValueType},
};
use std::path::Path;

/// A named input or output and its shape; `None` for an axis of any length.
pub(super) type Slot = (&'static str, Vec<Option<usize>>);

/// A graph, loaded.
pub(super) struct Graph {
    name: &'static str,
    pub session: Session,
    inputs: Vec<String>,
    /// Whether the graph takes no more than one item in a run.
    pub one_at_once: bool,
    device: MemoryInfo<'static>,
}

impl Graph {
    /// Loads a graph whose inputs are among `inputs` and whose output is `output`. The first of `inputs` must be there, as
    /// must `needed`; the graph may do without the others.
    pub fn load(
        name: &'static str,
        path: &Path,
        provider: Provider,
        threads: usize,
        inputs: &[Slot],
        needed: Option<&str>,
        output: &Slot,
    ) -> Result<Self, OnnxError> {
        let load = |source| OnnxError::Load { path: path.to_owned(), source };
        let refused = |source| OnnxError::Provider { provider: provider.name(), source };
        let builder = Session::builder(&environment()?)
            .and_then(|b| b.with_optimization_level(GraphOptimizationLevel::All).map_err(ort::Error::from))
            .and_then(|b| b.with_intra_threads(threads).map_err(ort::Error::from))
            .map_err(load)?;
        let mut builder =
            builder.with_execution_providers(provider.dispatch()).map_err(|e| refused(e.into()))?;
        let session = builder.commit_from_file(path).map_err(load)?;
        let contract = |fault| OnnxError::Contract { path: path.to_owned(), fault };
        let mut names = Vec::new();
        for declared in session.inputs() {
            let slot = inputs.iter().find(|(name, _)| *name == declared.name());
            let Some((_, shape)) = slot else {
                let known: Vec<_> = inputs.iter().map(|(name, _)| *name).collect();
                return Err(contract(format!(
                    "wants the input {:?}; it is given {known:?}",
                    declared.name()
                )));
            };
            fits(declared.name(), declared.dtype(), shape).map_err(contract)?;
            names.push(declared.name().to_owned());
        }
        let Some(declared) = session.outputs().iter().find(|o| o.name() == output.0) else {
            let has: Vec<_> = session.outputs().iter().map(|o| o.name()).collect();
            return Err(contract(format!("has the outputs {has:?}; {:?} is wanted", output.0)));
        };
        fits(output.0, declared.dtype(), &output.1).map_err(contract)?;
        let first = inputs.first().map(|(name, _)| *name);
        if let Some(missing) = first.into_iter().chain(needed).find(|name| !names.iter().any(|n| n == name)) {
            return Err(contract(format!("has the inputs {names:?}; {missing:?} is wanted")));
        }
        let batch = session.inputs().iter().find(|input| Some(input.name()) == first);
        let fixed_batch = batch.and_then(|input| match input.dtype() {
            ValueType::Tensor { shape, .. } => shape.first().and_then(|&n| usize::try_from(n).ok()),
            _ => None,
        });
        let one_at_once = match fixed_batch {
            None => false,
            Some(1) => true,
            Some(batch) => return Err(contract(format!("takes {batch} at once; 1 or any number is wanted"))),
        };
        Ok(Self { name, session, inputs: names, one_at_once, device: provider.memory().map_err(load)? })
    }

    /// Whether the graph has this input.
    pub fn takes(&self, input: &str) -> bool {
        self.inputs.iter().any(|name| name == input)
    }

    /// A tensor where the graph computes; its values are arbitrary.
    pub fn device_tensor(&self, shape: &[usize]) -> ort::Result<Tensor<f32>> {
        let allocator = Allocator::new(&self.session, self.device.to_owned())?;
        Tensor::new(&allocator, shape)
    }

    /// Runs the graph on one input from `values` and returns its one output, both in the program's memory.
    pub fn run(&mut self, input: (&str, &[usize], &[f32]), output: &str) -> ort::Result<Vec<f32>> {
        let (name, shape, values) = input;
        let given = TensorRef::from_array_view((shape, values))?;
        let outputs = self.session.run(ort::inputs![name => given])?;
        let (_, values) = outputs[output].try_extract_tensor::<f32>()?;
        Ok(values.to_vec())
    }

    /// Binds an input from the program's memory, if the graph has it.
    pub fn bind(
        &self,
        binding: &mut IoBinding,
        name: &str,
        shape: &[usize],
        values: &[f32],
    ) -> ort::Result<()> {
        if !self.takes(name) {
            return Ok(());
        }
        binding.bind_input(name, &Tensor::from_array((shape.to_vec(), values.to_vec()))?)
    }

    /// Names the graph in an error of the runtime; `items` of `unit` were given at once.
    pub fn failure(&self, source: ort::Error, items: usize, unit: &'static str) -> OnnxError {
        let graph = self.name;
        match is_too_much(&source) {
            true => OnnxError::Memory { graph, items, unit, said: source.message().to_owned() },
            false => OnnxError::Run { graph, source },
        }
    }

    /// Fails on the first value that is not finite.
    pub fn finite(&self, values: &[f32], when: impl FnOnce() -> String) -> Result<(), OnnxError> {
        match values.iter().find(|value| !value.is_finite()) {
            Some(&value) => Err(OnnxError::NotFinite { graph: self.name, value, when: when() }),
            None => Ok(()),
        }
    }
}

fn fits(name: &str, declared: &ValueType, shape: &[Option<usize>]) -> Result<(), String> {
    let wanted = || {
        let axes: Vec<_> = shape.iter().map(|n| n.map_or("any".to_owned(), |n| n.to_string())).collect();
        format!("f32 [{}] is wanted", axes.join(", "))
    };
    let ValueType::Tensor { ty: TensorElementType::Float32, shape: dims, .. } = declared else {
        return Err(format!("declares {name:?} as {declared}; {}", wanted()));
    };
    let same = dims.len() == shape.len()
        && dims
            .iter()
            .zip(shape)
            .all(|(&dim, wanted)| dim < 0 || wanted.is_none_or(|wanted| i64::try_from(wanted) == Ok(dim)));
    if same { Ok(()) } else { Err(format!("declares {name:?} as {declared}; {}", wanted())) }
}
