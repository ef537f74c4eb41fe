// Redoc makes its styles at run time and cannot be told the nonce that the Content-Security-Policy
// asks for, and it shows its maker's logo from a foreign server. So what it makes passes here.
(() => {
  const { nonce } = document.currentScript;
  const make = document.createElement;
  const set = Element.prototype.setAttribute;
  const isOurs = (address) => new URL(address, document.baseURI).origin === location.origin;

  // A foreign image becomes one that fails to load, which Redoc then takes off the page itself.
  const onlyOurs = (image) => {
    const show = (address) => set.call(image, "src", isOurs(address) ? address : "data:,");
    image.setAttribute = (key, value) => (key === "src" ? show(value) : set.call(image, key, value));
    Object.defineProperty(image, "src", { get: () => image.getAttribute("src"), set: show });
  };

  document.createElement = function createElement(name, options) {
    const element = make.call(this, name, options);
    if (name === "style") element.nonce = nonce;
    if (name === "img") onlyOurs(element);
    return element;
  };
})();
