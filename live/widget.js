// In JupyterLab: questions go to the kernel as messages of the widget.
function render({ model, el }) {
  const { ask, receive } = correspondence((message) => model.send(message));
  model.on("msg:custom", receive);
  show(el, model.get("figure"), (question, hear) => ask({ question }, hear));
}
export default { render };
