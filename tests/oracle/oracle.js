// What real locks send and accept, by zigbee2mqtt's own converters.
// In: JSON on standard input, {"messages": [...], "commands": [...]}.
// Out: one JSON document with the answers in the same order.
const fs = require("node:fs");
const path = require("node:path");
const zhc = require(path.join(process.argv[2], "zigbee-herdsman-converters"));

const silent = () => {};
zhc.setLogger({debug: silent, info: silent, warning: silent, error: silent});

const found = {};
async function definition(zigbeeModel) {
    if (!found[zigbeeModel]) {
        const device = {
            modelID: zigbeeModel, manufacturerName: "", type: "EndDevice", endpoints: [],
            ieeeAddr: "0x1", getEndpoint: () => null, customClusters: {}, meta: {},
            save: silent, interviewCompleted: true,
        };
        found[zigbeeModel] = await zhc.findByDevice(device);
    }
    return found[zigbeeModel];
}

// A message from a lock: {zigbee_model, cluster, type, data}; data may be base64.
async function said(message) {
    const model = await definition(message.zigbee_model);
    const data = Object.fromEntries(Object.entries(message.data).map(
        ([key, value]) => [key, value?.base64 ? Buffer.from(value.base64, "base64") : value]));
    const raw = message.type === "raw" ? Buffer.from(message.data.base64, "base64") : data;
    const endpoint = {read: async () => ({}), command: async () => ({})};
    const msg = {
        data: raw, cluster: message.cluster, type: message.type, linkquality: 100,
        device: {ieeeAddr: "0x1"}, endpoint,
    };
    let state = {};
    for (const converter of model.fromZigbee) {
        const types = Array.isArray(converter.type) ? converter.type : [converter.type];
        if (converter.cluster === message.cluster && types.includes(message.type)) {
            const meta = {state, device: msg.device, logger: {}};
            const told = await converter.convert(model, msg, silent, message.options ?? {}, meta);
            state = {...state, ...told};
        }
    }
    return state;
}

// The converters ask by its name what they are given.
class Endpoint {}

// A command to a lock: {zigbee_model, verb: set|get, payload}; the Zigbee commands.
async function told(command) {
    const model = await definition(command.zigbee_model);
    const sent = [];
    const entity = Object.assign(new Endpoint(), {
        ID: 1, deviceIeeeAddress: "0x1",
        getDevice: () => ({ieeeAddr: "0x1"}), supportsInputCluster: () => true,
        command: async (cluster, name, payload) => sent.push({cluster, name, payload}),
        commandResponse: async (cluster, name, payload, options, transaction) =>
            sent.push({cluster, name, payload, transaction}),
        read: async (cluster, attributes) => sent.push({cluster, name: "read", payload: attributes}),
    });
    for (const [key, value] of Object.entries(command.payload)) {
        const converter = model.toZigbee.find((each) => each.key.includes(key));
        if (!converter) throw new Error(`${command.zigbee_model} takes no ${key}`);
        const meta = {mapped: model, message: command.payload, options: {}, state: {}};
        const convert = command.verb === "set" ? "convertSet" : "convertGet";
        if (command.verb === "set") await converter[convert](entity, key, value, meta);
        else await converter[convert](entity, key, meta);
    }
    return sent;
}

async function device(zigbeeModel) {
    const model = await definition(zigbeeModel);
    const exposes = typeof model.exposes === "function" ? model.exposes() : model.exposes;
    return {
        model: model.model, vendor: model.vendor, exposes,
        slots: model.meta?.pinCodeCount ?? 0,
    };
}

// Every keypad that tells codes, and whether it takes an answer to a press.
function keypads() {
    return definitions().filter(({exposes}) => exposes.some((each) => each.property === "action_code"))
        .map(({known, exposes}) => ({
            model: known.model, zigbee_model: known.zigbeeModel?.[0], exposes,
            answered: known.toZigbee.some((each) => each.key?.includes("arm_mode")),
        }));
}

// Every lock that the converters know, whatever its Zigbee names: what it is told to be.
function locks() {
    const found = [];
    for (const {known, exposes} of definitions()) {
        const bolt = exposes.some((each) => each.type === "lock"
            && each.features.some((feature) => feature.name === "lock_state"));
        const pins = exposes.some((each) => each.property === "pin_code");
        if (bolt || pins) {
            const slots = known.meta?.pinCodeCount ?? 0;
            found.push({model: known.model, vendor: known.vendor, exposes, pins, slots});
        }
    }
    return found;
}

function definitions() {
    const folder = path.join(process.argv[2], "zigbee-herdsman-converters", "dist", "devices");
    const files = fs.readdirSync(folder).filter((each) => each.endsWith(".js"));
    return files.flatMap((file) => require(path.join(folder, file)).definitions ?? []).map((raw) => {
        const known = zhc.prepareDefinition({...raw});
        const exposes = typeof known.exposes === "function"
            ? known.exposes({isDummyDevice: true}, {}) : known.exposes;
        return {known, exposes};
    });
}

async function main() {
    let text = "";
    for await (const chunk of process.stdin) text += chunk;
    const asked = JSON.parse(text);
    const answers = {devices: {}, messages: [], commands: [], locks: asked.locks ? locks() : [],
        keypads: asked.keypads ? keypads() : []};
    for (const model of asked.models) answers.devices[model] = await device(model);
    for (const each of asked.messages) answers.messages.push(await said(each));
    for (const each of asked.commands) {
        try {
            answers.commands.push({sent: await told(each)});
        } catch (error) {
            answers.commands.push({error: error.message});
        }
    }
    process.stdout.write(JSON.stringify(answers));
}

main();
