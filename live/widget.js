// In JupyterLab: questions go to the kernel as messages of the widget.
function render({ model, el }) {
  const awaited = new Map();
  model.on("msg:custom", ({ id, part, done, error }) => {
    const question = awaited.get(id);
    if (!question) return; // another view's
    if (part) {
      question.last = part;
      question.hear?.(part);
    }
    if (error) question.reject(new Error(error));
    if (done) question.resolve(question.last);
    if (done || error) awaited.delete(id);
  });
  const ask = (question, hear) =>
    new Promise((resolve, reject) => {
      const id = Math.random();
      awaited.set(id, { resolve, reject, hear });
      model.send({ id, question });
    });
  show(el, model.get("figure"), ask);
}
export default { render };
