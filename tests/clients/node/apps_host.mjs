// A host of MCP Apps in a page: the real bridge, a frame with the server's document, and what the
// document has asked for.
import { AppBridge, PostMessageTransport } from "@modelcontextprotocol/ext-apps/app-bridge";

const host = { ready: false, sizes: [], called: [], problems: [] };
window.host = host;
window.addEventListener("securitypolicyviolation", (event) => host.problems.push(event.violatedDirective));

window.show = async (html, context) => {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts allow-same-origin";
  frame.style.cssText = "width:900px;height:900px;border:0";
  document.body.append(frame);
  const bridge = new AppBridge(null, { name: "test-host", version: "1" }, { serverTools: {} }, { hostContext: context });
  bridge.oninitialized = () => { host.ready = true; };
  bridge.onsizechange = (params) => { host.sizes.push(params); };
  bridge.oncalltool = async (params) => {
    host.called.push(params);
    return host.next;
  };
  host.bridge = bridge;
  host.frame = frame;
  frame.srcdoc = html;
  await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
};

window.give = async (args, result) => {
  await host.bridge.sendToolInput({ arguments: args });
  await host.bridge.sendToolResult(result);
};

window.inside = () => host.frame.contentDocument;
