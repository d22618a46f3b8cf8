/* The least server in C that calls a WSGI application: what the kernel and the application cost.
 *
 * serve(application, environ, port) has one process, epoll and kept connections.  A request is read
 * until its head ends and not parsed: the application gets a copy of the environ that was prepared,
 * with a wsgi.input of its own.  What it gives is written at once with its head, and a
 * Content-Length unless it has told one.  There is no thread for another to be let in, so the GIL is
 * never given up.  It survives no client but the benchmark's: it takes no bodies and no request before
 * the last is answered, and an exception ends it. */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST 1024
#define PIECES 64
#define HEAD 8192

static struct {
    size_t got;
    char head[4096];
} requests[MOST];

/* The head of the answer that is being made; start_response fills it. */
static char head[HEAD];
static size_t filled;
static int told;

static int add(const char *text, size_t size) {
    if (filled + size > HEAD)
        return PyErr_SetString(PyExc_OverflowError, "a head of more than 8 KiB"), -1;
    memcpy(head + filled, text, size);
    filled += size;
    return 0;
}

static int add_text(PyObject *text) {
    Py_ssize_t size;
    const char *found = PyUnicode_AsUTF8AndSize(text, &size);
    return found ? add(found, (size_t)size) : -1;
}

static PyObject *start_response(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self;
    if (count < 2 || !PyList_Check(args[1]))
        return PyErr_SetString(PyExc_TypeError, "start_response(status, list of fields)"), NULL;
    filled = 0, told = 0;
    if (add("HTTP/1.1 ", 9) || add_text(args[0]) || add("\r\n", 2))
        return NULL;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(args[1]); i++) {
        PyObject *field = PyList_GET_ITEM(args[1], i);
        size_t before = filled;
        if (!PyTuple_Check(field) || PyTuple_GET_SIZE(field) != 2)
            return PyErr_SetString(PyExc_TypeError, "a field is a name and a value"), NULL;
        if (add_text(PyTuple_GET_ITEM(field, 0)) || add(": ", 2))
            return NULL;
        told |= filled - before == 16 && !strncasecmp(head + before, "content-length", 14);
        if (add_text(PyTuple_GET_ITEM(field, 1)) || add("\r\n", 2))
            return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef starting = {"start_response", (PyCFunction)(void (*)(void))start_response,
                               METH_FASTCALL, NULL};

/* Ask the application and write what it answers; -1 with an exception set if that failed. */
static int answer(int fd, PyObject *application, PyObject *args[2]) {
    PyObject *pieces[PIECES], *result = PyObject_Vectorcall(application, args, 2, NULL);
    PyObject *each = NULL, *walk = result ? PyObject_GetIter(result) : NULL, *close, *closed;
    struct iovec parts[PIECES + 1] = {{head, 0}};
    size_t length = 0;
    int count = 0, failed;
    char size[64];
    while (walk && count < PIECES && (each = PyIter_Next(walk)) && PyBytes_Check(each)) {
        pieces[count++] = each;
        parts[count].iov_base = PyBytes_AS_STRING(each);
        parts[count].iov_len = (size_t)PyBytes_GET_SIZE(each);
        length += parts[count].iov_len;
    }
    failed = !walk || PyErr_Occurred() != NULL;
    if (!failed && (count == PIECES || each)) {
        PyErr_SetString(PyExc_TypeError, "an answer is bytes in fewer than 64 pieces");
        failed = 1;
    }
    Py_XDECREF(walk);
    if (!failed && (close = PyObject_GetAttrString(result, "close"))) {
        failed = !(closed = PyObject_CallNoArgs(close));
        Py_XDECREF(closed);
        Py_DECREF(close);
    } else if (!failed)
        PyErr_Clear();
    Py_XDECREF(result);
    if (!failed)
        failed = add(size, told ? 0 : (size_t)sprintf(size, "Content-Length: %zu\r\n", length)) ||
                 add("\r\n", 2);
    parts[0].iov_len = filled;
    if (!failed && writev(fd, parts, count + 1) != (ssize_t)(filled + length)) {
        PyErr_SetString(PyExc_OSError, "an answer was not taken whole");
        failed = 1;
    }
    while (count)
        Py_DECREF(pieces[--count]);
    return failed ? -1 : 0;
}

/* Take what is here of a request: 1 when its head is whole, 0 when not yet, -1 when nothing comes. */
static int take(int fd) {
    size_t had = requests[fd].got;
    ssize_t got = read(fd, requests[fd].head + had, sizeof requests[fd].head - had);
    if (got <= 0)
        return -1;
    had = requests[fd].got += (size_t)got;
    return had >= 4 && !memcmp(requests[fd].head + had - 4, "\r\n\r\n", 4);
}

static PyObject *serve(PyObject *self, PyObject *args) {
    PyObject *application, *like, *asked[2] = {NULL, PyCFunction_New(&starting, NULL)};
    PyObject *io = PyImport_ImportModule("io"), *input = PyUnicode_InternFromString("wsgi.input");
    PyObject *stream = io ? PyObject_GetAttrString(io, "BytesIO") : NULL, *fresh;
    int port, one = 1, failed = 0, poll = epoll_create1(0), listener = socket(AF_INET, SOCK_STREAM, 0);
    (void)self;
    if (!stream || !PyArg_ParseTuple(args, "OO!i", &application, &PyDict_Type, &like, &port))
        return NULL;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[64];
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* inherited */
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024))
        return PyErr_SetFromErrno(PyExc_OSError);
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    while (!failed) {
        int ready = epoll_wait(poll, events, 64, -1);
        if (ready < 0 && PyErr_CheckSignals())
            return NULL;
        for (int i = 0; i < ready && !failed; i++) {
            int fd = events[i].data.fd, whole;
            if (fd == listener) {
                if ((event.data.fd = fd = accept(listener, NULL, NULL)) < 0)
                    continue;
                if (fd >= MOST || epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event))
                    close(fd);
                else
                    requests[fd].got = 0;
            } else if ((whole = take(fd)) < 0)
                close(fd);
            else if (whole) {
                requests[fd].got = 0;
                fresh = PyObject_CallNoArgs(stream);
                asked[0] = fresh ? PyDict_Copy(like) : NULL;
                failed = !asked[0] || PyDict_SetItem(asked[0], input, fresh) ||
                         answer(fd, application, asked);
                Py_XDECREF(fresh);
                Py_XDECREF(asked[0]);
            }
        }
    }
    return NULL;
}

static PyMethodDef methods[] = {{"serve", serve, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "floor_wsgi", .m_size = -1,
                                    .m_methods = methods};

PyMODINIT_FUNC PyInit_floor_wsgi(void) { return PyModule_Create(&module); }
